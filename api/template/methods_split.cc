// Methods of str that cut it: split, rsplit, splitlines, partition.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

Value TextList(Meter* meter, std::vector<TrackedText> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (TrackedText& part : parts) items.push_back(Value::String(std::move(part)));
  return Value::List(meter, std::move(items));
}

std::vector<TrackedText> SplitBy(Meter* meter, const TrackedText& text, const std::string& separator, int64_t most) {
  std::vector<TrackedText> parts;
  size_t at = 0;
  for (; most != 0; --most) {
    const size_t found = text.bytes().find(separator, at);
    if (found == std::string::npos) break;
    parts.push_back(text.Substring(meter, at, found));
    at = found + separator.size();
  }
  parts.push_back(text.Substring(meter, at, text.size()));
  return parts;
}

std::vector<TrackedText> SplitByFromRight(Meter* meter, const TrackedText& text, const std::string& separator,
                                          int64_t most) {
  std::vector<TrackedText> parts;
  size_t end = text.size();
  for (; most != 0 && end >= separator.size(); --most) {
    const size_t found = text.bytes().rfind(separator, end - separator.size());
    if (found == std::string::npos) break;
    parts.push_back(text.Substring(meter, found + separator.size(), end));
    end = found;
  }
  parts.push_back(text.Substring(meter, 0, end));
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

std::vector<TrackedText> SplitWords(Meter* meter, const TrackedText& text, int64_t most, bool from_right) {
  const auto words = Words(text.bytes());
  const size_t count = words.size();
  // The words beyond `most` stay together with the white space between them and at their outer end.
  const size_t cuts = most < 0 ? count : std::min(count, static_cast<size_t>(most));
  std::vector<TrackedText> parts;
  if (from_right && cuts < count) parts.push_back(text.Substring(meter, 0, words[count - cuts - 1].second));
  const size_t first = from_right ? count - cuts : 0;
  for (size_t i = first; i < first + cuts; ++i) parts.push_back(text.Substring(meter, words[i].first, words[i].second));
  if (!from_right && cuts < count) parts.push_back(text.Substring(meter, words[cuts].first, text.size()));
  return parts;
}

template <bool kFromRight>
Value SplitMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("split", arguments, {"sep", "maxsplit"});
  const int64_t most = bound.Int(1, -1);
  SpendBytes(in.meter(), self.text().size());
  if (!bound.HasValue(0)) return TextList(in.meter(), SplitWords(in.meter(), self.text(), most, kFromRight));
  const std::string& separator = bound.Text(0).bytes();
  if (separator.empty()) Fail("empty separator");
  return TextList(in.meter(), kFromRight ? SplitByFromRight(in.meter(), self.text(), separator, most)
                                         : SplitBy(in.meter(), self.text(), separator, most));
}

Value SplitLinesMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("splitlines", arguments, {"keepends"});
  return TextList(in.meter(), SplitLines(in.meter(), self.text(), bound.Flag(0, false)));
}

Value PartitionMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("partition", arguments, {"sep"}, 1);
  const TrackedText& text = self.text();
  const std::string& separator = bound.Text(0).bytes();
  if (separator.empty()) Fail("empty separator");
  SpendBytes(in.meter(), text.size());
  const size_t found = text.bytes().find(separator);
  const Value none = Value::String(TrackedText(in.meter()));
  if (found == std::string::npos) return Value::Tuple(in.meter(), {self, none, none});
  const size_t after = found + separator.size();
  return Value::Tuple(in.meter(), {Value::String(text.Substring(in.meter(), 0, found)),
                                   Value::String(text.Substring(in.meter(), found, after)),
                                   Value::String(text.Substring(in.meter(), after, text.size()))});
}

}  // namespace

const std::vector<NamedBuiltin>& StringSplitMethods() {
  static const std::vector<NamedBuiltin> table = {
      {"split", SplitMethod<false>},
      {"rsplit", SplitMethod<true>},
      {"splitlines", SplitLinesMethod},
      {"partition", PartitionMethod},
  };
  return table;
}

}  // namespace puna::api::jinja
