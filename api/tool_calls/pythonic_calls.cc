#include "api/tool_calls/pythonic_calls.h"

#include <unordered_set>

#include "api/tool_calls/python_literal.h"
#include "engine/text/characters.h"
#include "engine/text/json_quote.h"

namespace puna::api {

namespace {

// `name=value, ...)`: after the opening parenthesis, to the closing one.
bool ReadKeywords(PythonReader& reader, std::string& json) {
  std::unordered_set<std::string> names;
  char next;
  bool comma = true;
  while (reader.Peek(next)) {
    if (next == ')') {
      json += names.empty() ? "{}" : "}";
      return reader.Take(')');
    }
    std::string name;
    if (!comma) return reader.Plain();
    if (!reader.ReadName(name) || !reader.Take('=')) return false;
    json += names.empty() ? '{' : ',';
    if (!names.insert(name).second) return reader.Plain();
    text::AppendJsonString(name, json);
    json += ':';
    if (!reader.ReadValue(json) || !reader.Peek(next)) return false;
    comma = next == ',' && reader.Take(',');
  }
  return false;
}

bool ReadCalls(PythonReader& reader, std::vector<CallText>& calls) {
  char next;
  bool comma = true;
  if (!reader.Take('[')) return false;
  while (reader.Peek(next)) {
    if (next == ']' && !calls.empty()) return reader.Take(']');
    if (!comma) return reader.Plain();
    CallText call;
    if (!reader.ReadName(call.name) || !reader.Take('(')) return false;
    if (!ReadKeywords(reader, call.arguments) || !reader.Peek(next)) return false;
    calls.push_back(std::move(call));
    comma = next == ',' && reader.Take(',');
  }
  return false;
}

}  // namespace

CallsReading ReadPythonicCalls(std::string_view text) {
  CallsReading reading;
  const size_t start = text::SkipSpace(text, 0);
  if (start == text.size()) return {Verdict::kPartial, {}};
  if (text[start] != '[') return reading;
  PythonReader reader(text, start);
  if (!ReadCalls(reader, reading.calls)) return {reader.verdict(), {}};
  reader.SkipSpace();
  if (text::SkipSpace(text, reader.position()) != text.size()) return {Verdict::kPlain, {}};
  reading.verdict = Verdict::kCalls;
  return reading;
}

}  // namespace puna::api
