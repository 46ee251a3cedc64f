// Methods of str that cut it: split, rsplit, splitlines, partition, rpartition.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/python_ops.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

Value TextList(std::vector<TrackedText> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (TrackedText& part : parts) items.push_back(Value::String(std::move(part)));
  return Value::List(std::move(items));
}

std::vector<TrackedText> SplitBy(const TrackedText& text, const std::string& separator, int64_t most) {
  std::vector<TrackedText> parts;
  size_t at = 0;
  for (; most != 0; --most) {
    const size_t found = text.bytes().find(separator, at);
    if (found == std::string::npos) break;
    parts.push_back(text.Substring(at, found));
    at = found + separator.size();
  }
  parts.push_back(text.Substring(at, text.size()));
  return parts;
}

std::vector<TrackedText> SplitByFromRight(const TrackedText& text, const std::string& separator, int64_t most) {
  std::vector<TrackedText> parts;
  size_t end = text.size();
  for (; most != 0 && end >= separator.size(); --most) {
    const size_t found = text.bytes().rfind(separator, end - separator.size());
    if (found == std::string::npos) break;
    parts.push_back(text.Substring(found + separator.size(), end));
    end = found;
  }
  parts.push_back(text.Substring(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

// Byte ranges of the words between white space.
std::vector<std::pair<size_t, size_t>> Words(const std::string& bytes) {
  std::vector<std::pair<size_t, size_t>> words;
  size_t begin = std::string::npos;
  for (size_t at = 0; at < bytes.size();) {
    const text::Utf8Char c = text::DecodeUtf8(bytes, at);
    if (!text::IsSpace(c.code_point)) {
      if (begin == std::string::npos) begin = at;
    } else if (begin != std::string::npos) {
      words.emplace_back(begin, at);
      begin = std::string::npos;
    }
    at += c.length;
  }
  if (begin != std::string::npos) words.emplace_back(begin, bytes.size());
  return words;
}

std::vector<TrackedText> SplitWords(const TrackedText& text, int64_t most, bool from_right) {
  const auto words = Words(text.bytes());
  const size_t count = words.size();
  // The words beyond `most` stay together with the white space between them and at their outer end.
  const size_t cuts = most < 0 ? count : std::min(count, static_cast<size_t>(most));
  std::vector<TrackedText> parts;
  if (from_right && cuts < count) parts.push_back(text.Substring(0, words[count - cuts - 1].second));
  const size_t first = from_right ? count - cuts : 0;
  for (size_t i = first; i < first + cuts; ++i) parts.push_back(text.Substring(words[i].first, words[i].second));
  if (!from_right && cuts < count) parts.push_back(text.Substring(words[cuts].first, text.size()));
  return parts;
}

template <bool kFromRight>
Value SplitMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("split", arguments, {"sep", "maxsplit"});
  const int64_t most = bound.Int(1, -1);
  SpendBytes(self.text().size());
  if (!bound.HasValue(0)) return TextList(SplitWords(self.text(), most, kFromRight));
  const std::string& separator = bound.Text(0).bytes();
  if (separator.empty()) Fail("empty separator");
  return TextList(kFromRight ? SplitByFromRight(self.text(), separator, most) : SplitBy(self.text(), separator, most));
}

Value SplitLinesMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("splitlines", arguments, {"keepends"});
  return TextList(SplitLines(self.text(), bound.Flag(0, false)));
}

template <bool kFromRight>
Value PartitionMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("partition", arguments, {"sep"}, 1);
  const TrackedText& text = self.text();
  const std::string& separator = bound.Text(0).bytes();
  if (separator.empty()) Fail("empty separator");
  SpendBytes(text.size());
  const size_t found = kFromRight ? text.bytes().rfind(separator) : text.bytes().find(separator);
  const Value none = Value::String(TrackedText());
  if (found == std::string::npos) {
    return Value::Tuple(kFromRight ? std::vector<Value>{none, none, self} : std::vector<Value>{self, none, none});
  }
  const size_t after = found + separator.size();
  return Value::Tuple({Value::String(text.Substring(0, found)), Value::String(text.Substring(found, after)),
                       Value::String(text.Substring(after, text.size()))});
}

}  // namespace

const std::vector<NamedBuiltin>& StringSplitMethods() {
  static const std::vector<NamedBuiltin> table = {
      {"split", SplitMethod<false>},         {"rsplit", SplitMethod<true>},         {"splitlines", SplitLinesMethod},
      {"partition", PartitionMethod<false>}, {"rpartition", PartitionMethod<true>},
  };
  return table;
}

}  // namespace puna::api::jinja
