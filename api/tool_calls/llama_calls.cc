#include "api/tool_calls/llama_calls.h"

#include "api/tool_calls/call_object.h"
#include "api/tool_calls/pythonic_calls.h"
#include "engine/text/characters.h"
#include "engine/text/json_quote.h"

namespace puna::api {

namespace {

constexpr size_t kMaxTagName = 256;  // keeps the look at an unfinished tag short

bool IsWordChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The call object at `i`; moves `i` behind it.
Verdict ReadCallObject(std::string_view text, bool accept_parameters, size_t& i, CallText& call) {
  CallObject object(accept_parameters);
  for (size_t j = i; j < text.size(); ++j) {
    const CallObject::State state = object.Feed(text[j]);
    if (state == CallObject::State::kError) return Verdict::kPlain;
    if (state == CallObject::State::kMore) continue;
    if (!object.is_call()) return Verdict::kPlain;
    call.name = object.name();
    call.arguments = text.substr(i + object.arguments_begin(), object.arguments_end() - object.arguments_begin());
    i = j + 1;
    return Verdict::kCalls;
  }
  return Verdict::kPartial;
}

// Any JSON object at `i`.
Verdict ReadObject(std::string_view text, size_t& i, std::string& json) {
  JsonScanner scanner;
  if (i < text.size() && text[i] != '{') return Verdict::kPlain;
  for (size_t j = i; j < text.size(); ++j) {
    const JsonScanner::State state = scanner.Feed(text[j]);
    if (state == JsonScanner::State::kError) return Verdict::kPlain;
    if (state == JsonScanner::State::kMore) continue;
    json = text.substr(i, j + 1 - i);
    i = j + 1;
    return Verdict::kCalls;
  }
  return Verdict::kPartial;
}

CallsReading ReadJsonCalls(std::string_view text) {
  CallsReading reading;
  size_t i = 0;
  while (true) {
    i = text::SkipSpace(text, i);
    while (!reading.calls.empty() && i < text.size() && text[i] == ';') i = text::SkipSpace(text, i + 1);
    if (i == text.size()) {
      reading.verdict = reading.calls.empty() ? Verdict::kPartial : Verdict::kCalls;
      return reading;
    }
    CallText call;
    const Verdict verdict = text[i] == '{' ? ReadCallObject(text, true, i, call) : Verdict::kPlain;
    if (verdict != Verdict::kCalls) return {verdict, {}};
    reading.calls.push_back(std::move(call));
  }
}

// Llama 3.1's built-in tools: NAME.call(query="...").
CallsReading ReadBuiltinCall(std::string_view text) {
  static constexpr std::string_view kCall = ".call(query=\"";
  const size_t start = text::SkipSpace(text, 0);
  size_t i = start;
  while (i < text.size() && IsWordChar(text[i]) && i - start < kMaxTagName) ++i;
  const std::string_view rest = text.substr(i);
  if (rest.size() < kCall.size() && kCall.starts_with(rest) && (i > start || rest.empty())) {
    return {Verdict::kPartial, {}};
  }
  if (i == start || !rest.starts_with(kCall)) return {Verdict::kPlain, {}};
  const size_t query = i + kCall.size();
  const size_t quote = text.find('"', query);
  if (quote == text.npos || quote + 1 == text.size()) return {Verdict::kPartial, {}};
  if (text[quote + 1] != ')' || text::SkipSpace(text, quote + 2) != text.size()) return {Verdict::kPlain, {}};
  std::string arguments = "{\"query\":";
  text::AppendJsonString(text.substr(query, quote - query), arguments);
  return {Verdict::kCalls, {{std::string(text.substr(start, i - start)), arguments + '}'}}};
}

std::string WithoutPythonTags(std::string_view text) {
  std::string untagged;
  size_t i = 0;
  for (size_t tag; (tag = text.find(kPythonTag, i)) != text.npos; i = tag + kPythonTag.size()) {
    untagged += text.substr(i, tag - i);
  }
  return untagged.append(text.substr(i));
}

}  // namespace

CallsReading ReadWholeCalls(std::string_view text) {
  const size_t start = text::SkipSpace(text, 0);
  if (start == text.size()) return {Verdict::kPartial, {}};
  if (text[start] == '{') return ReadJsonCalls(text);
  return text[start] == '[' ? ReadPythonicCalls(text) : ReadBuiltinCall(text);
}

Verdict MatchFunctionTag(std::string_view text, size_t at, size_t& end) {
  const std::string_view rest = text.substr(at);
  if (!rest.starts_with(kFunctionTag)) {
    return kFunctionTag.starts_with(rest) ? Verdict::kPartial : Verdict::kPlain;
  }
  size_t i = at + kFunctionTag.size();
  const size_t name = i;
  while (i < text.size() && (IsWordChar(text[i]) || text[i] == '.' || text[i] == '-')) ++i;
  if (i - name > kMaxTagName) return Verdict::kPlain;
  if (i == text.size()) return Verdict::kPartial;
  end = i + 1;
  return i > name && text[i] == '>' ? Verdict::kCalls : Verdict::kPlain;
}

CallsReading ReadFunctionTags(std::string_view text, size_t& first) {
  CallsReading reading;
  first = text.npos;
  size_t i = 0, end = 0;
  while ((i = text.find('<', i)) != text.npos) {
    const Verdict tag = MatchFunctionTag(text, i, end);
    if (tag != Verdict::kCalls) {
      // An unfinished tag at the end is text for now; what was read before stands.
      if (tag == Verdict::kPartial && reading.calls.empty()) return {Verdict::kPartial, {}};
      ++i;
      continue;
    }
    if (reading.calls.empty()) first = i;
    CallText call;
    call.name = text.substr(i + kFunctionTag.size(), end - 1 - i - kFunctionTag.size());
    i = text::SkipSpace(text, end);
    const Verdict verdict = ReadObject(text, i, call.arguments);
    if (verdict != Verdict::kCalls) return {verdict, {}};
    reading.calls.push_back(std::move(call));
  }
  if (!reading.calls.empty()) reading.verdict = Verdict::kCalls;
  return reading;
}

CallsReading ReadHermesCalls(std::string_view text, size_t& first) {
  static constexpr std::string_view kClose = "</tool_call>";
  CallsReading reading;
  first = text.npos;
  size_t i = 0;
  while ((i = text.find(kHermesTag, i)) != text.npos) {
    if (reading.calls.empty()) first = i;
    i = text::SkipSpace(text, i + kHermesTag.size());
    CallText call;
    const Verdict verdict = ReadCallObject(text, /*accept_parameters=*/false, i, call);
    if (verdict != Verdict::kCalls) return {verdict, {}};
    reading.calls.push_back(std::move(call));
    const std::string_view rest = text.substr(text::SkipSpace(text, i));
    if (rest.empty()) break;
    if (!rest.starts_with(kClose)) return {kClose.starts_with(rest) ? Verdict::kPartial : Verdict::kPlain, {}};
    i = text.size() - rest.size() + kClose.size();
  }
  if (!reading.calls.empty()) reading.verdict = Verdict::kCalls;
  return reading;
}

ModelOutput ReadLlamaOutput(std::string_view text) {
  const size_t tag = text.find(kPythonTag);
  CallsReading reading = ReadWholeCalls(tag == text.npos ? text : text.substr(tag + kPythonTag.size()));
  if (reading.verdict == Verdict::kCalls) {
    const std::string_view before = tag == text.npos ? std::string_view() : text.substr(0, tag);
    return {std::string(text::TrimSpaceRight(before)), std::move(reading.calls)};
  }
  const std::string untagged = WithoutPythonTags(text);
  size_t first;
  reading = ReadFunctionTags(untagged, first);
  if (reading.verdict != Verdict::kCalls) return {std::string(text), {}};
  const std::string_view before = std::string_view(untagged).substr(0, first);
  return {std::string(text::TrimSpaceRight(before)), std::move(reading.calls)};
}

ModelOutput ReadHermesOutput(std::string_view text) {
  size_t first;
  CallsReading reading = ReadHermesCalls(text, first);
  if (reading.verdict != Verdict::kCalls) return {std::string(text), {}};
  return {std::string(text::TrimSpaceRight(text.substr(0, first))), std::move(reading.calls)};
}

}  // namespace puna::api
