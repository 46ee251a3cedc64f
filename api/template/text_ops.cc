// The text operations of builtins.h.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;

// append(out, character, byte offset) for each character; what it appends has the character's trust.
template <typename Append>
TrackedText MapCharacters(Meter* meter, const TrackedText& text, Append append) {
  SpendBytes(meter, text.size());
  TrackedText mapped(meter);
  for (size_t at = 0; at < text.size();) {
    const bool trusted = text.TrustedAt(at);
    std::string stretch;
    for (const size_t end = text.StretchEnd(at); at < end;) {
      const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
      append(stretch, c.code_point, at);
      at += c.length;
    }
    mapped.Append(stretch, trusted);
  }
  return mapped;
}

bool IsFinalSigma(const std::string& bytes, size_t at) {
  const size_t next = at + 2;
  return at > 0 && text::IsAlpha(text::DecodeUtf8Before(bytes, at).code_point) &&
         (next >= bytes.size() || !text::IsAlpha(text::DecodeUtf8(bytes, next).code_point));
}

bool IsLineEnd(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

TrackedText Interleave(Meter* meter, const TrackedText& text, const TrackedText& to, int64_t count) {
  TrackedText out(meter);
  size_t at = 0;
  for (; count != 0; --count) {
    out.Append(to);
    if (at >= text.size()) return out;
    const size_t size = text::DecodeUtf8(text.bytes(), at).length;
    out.AppendRange(text, at, at + size);
    at += size;
  }
  out.AppendRange(text, at, text.size());
  return out;
}

}  // namespace

TrackedText Upper(Meter* meter, const TrackedText& text) {
  return MapCharacters(meter, text, [](std::string& out, char32_t c, size_t) { text::AppendUpper(c, out); });
}

TrackedText Lower(Meter* meter, const TrackedText& text) {
  return MapCharacters(meter, text, [&](std::string& out, char32_t c, size_t at) {
    if (c == kSigma && IsFinalSigma(text.bytes(), at)) {
      text::AppendUtf8(kFinalSigma, out);
    } else {
      text::AppendLower(c, out);
    }
  });
}

TrackedText Capitalize(Meter* meter, const TrackedText& text) {
  const TrackedText lower = Lower(meter, text);
  return MapCharacters(meter, text.empty() ? text : lower, [&](std::string& out, char32_t c, size_t at) {
    if (at == 0) {
      text::AppendTitle(text::DecodeUtf8(text.bytes(), 0).code_point, out);
    } else {
      text::AppendUtf8(c, out);
    }
  });
}

bool BeginsOrEndsWithSpace(const std::string& bytes) {
  return !bytes.empty() && (text::IsSpace(text::DecodeUtf8(bytes).code_point) ||
                            text::IsSpace(text::DecodeUtf8Before(bytes, bytes.size()).code_point));
}

TrackedText Strip(Meter* meter, const TrackedText& text, const TrackedText* chars, bool left, bool right) {
  const auto drops = [&](const text::Utf8Char& c) {
    if (chars == nullptr) return text::IsSpace(c.code_point);
    Spend(meter, 1 + chars->size() / 32);
    for (size_t at = 0; at < chars->size();) {
      const text::Utf8Char other = text::DecodeUtf8(chars->bytes(), at);
      if (other.code_point == c.code_point) return true;
      at += other.length;
    }
    return false;
  };
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), begin);
    if (!drops(c)) break;
    begin += c.length;
  }
  while (right && end > begin) {
    const text::Utf8Char c = text::DecodeUtf8Before(text.bytes(), end);
    if (!drops(c)) break;
    end -= c.length;
  }
  return text.Substring(meter, begin, end);
}

TrackedText Replace(Meter* meter, const TrackedText& text, const TrackedText& from, const TrackedText& to,
                    int64_t count) {
  SpendBytes(meter, text.size());
  if (from.empty()) return Interleave(meter, text, to, count);
  TrackedText out(meter);
  size_t at = 0;
  for (; count != 0; --count) {
    const size_t found = text.bytes().find(from.bytes(), at);
    if (found == std::string::npos) break;
    out.AppendRange(text, at, found);
    out.Append(to);
    at = found + from.size();
  }
  out.AppendRange(text, at, text.size());
  return out;
}

TrackedText Join(Meter* meter, const TrackedText& separator, const std::vector<Value>& items) {
  TrackedText joined(meter);
  bool first = true;
  for (const Value& item : items) {
    Spend(meter, 1);
    if (!first) joined.Append(separator);
    first = false;
    AppendStr(joined, item);
  }
  return joined;
}

std::vector<TrackedText> SplitLines(Meter* meter, const TrackedText& text, bool keep_ends) {
  SpendBytes(meter, text.size());
  std::vector<TrackedText> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
    size_t next = at + c.length;
    if (IsLineEnd(c.code_point)) {
      if (c.code_point == '\r' && next < text.size() && text.bytes()[next] == '\n') ++next;
      lines.push_back(text.Substring(meter, begin, keep_ends ? next : at));
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.push_back(text.Substring(meter, begin, text.size()));
  return lines;
}

}  // namespace puna::api::jinja
