// libFuzzer: however a text is cut, the parser gives the same; without calls no byte of it is lost.
// The first byte says how the text is cut and in which format.
// clang++-14 -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/tool_call_fuzz.cc
// api/*.cc
#include <cstdint>
#include <cstdlib>

#include "api/json/raw_json.h"
#include "api/tool_calls/tool_call_parser.h"

using namespace puna::api;

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::string content;
  std::vector<std::string> names, arguments;
  bool operator==(const Result&) const = default;
};

void Take(const OutputDelta& delta, Result& result) {
  result.content += delta.content;
  for (const ToolCallDelta& call : delta.calls) {
    const size_t index = static_cast<size_t>(call.index);
    if (!call.id.empty()) {
      Check(index == result.names.size() && !call.name.empty());
      result.names.push_back(call.name);
      result.arguments.emplace_back();
    }
    Check(index + 1 == result.names.size());
    result.arguments[index] += call.arguments;
  }
}

Result Run(const std::string& text, size_t piece, ToolCallParser::Options options) {
  IdGenerator ids(1);
  ToolCallParser parser(options, ids);
  Result result;
  for (size_t i = 0; i < text.size(); i += piece) Take(parser.Feed(text.substr(i, piece)), result);
  Take(parser.Finish(), result);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = 1 + (data[0] & 15);
  const ToolFormat format = data[0] & 16 ? ToolFormat::kHermes : ToolFormat::kLlama;
  for (const bool constrained : {false, true}) {
    const ToolCallParser::Options options{format, constrained, true};
    const Result whole = Run(text, text.size() + 1, options);
    Check(whole == Run(text, piece, options));
    // Of a call that a grammar had made certain, nothing is content when it is cut.
    if (whole.names.empty()) Check(constrained ? text.starts_with(whole.content) : whole.content == text);
    if (constrained) continue;
    for (const std::string& arguments : whole.arguments) Check(IsJsonObject(arguments));
  }
  return 0;
}
