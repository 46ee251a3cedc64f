// The parser where the caller knows which functions are offered.
#include <doctest/doctest.h>

#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {
namespace {

ParsedOutput ParseBytes(const std::string& text, const ToolCallParser::Options& options) {
  IdGenerator ids(1);
  ToolCallParser parser(options, ids);
  ParsedOutput output;
  const auto take = [&](const OutputDelta& delta) {
    output.content += delta.content;
    for (const ToolCallDelta& call : delta.calls) {
      if (!call.id.empty()) output.calls.push_back({call.id, call.name, {}});
      output.calls.back().arguments += call.arguments;
    }
  };
  for (const char byte : text) take(parser.Feed(std::string(1, byte)));
  take(parser.Finish());
  return output;
}

TEST_CASE("only functions that are offered are called") {
  const ToolCallParser::Options options{ToolFormat::kLlama, false, true, {"f", "g"}};
  for (const std::string text :
       {"[f(a=1), h()]", "{\"name\": \"h\", \"parameters\": {}}", "Hi <function=h>{}", "h.call(query=\"x\")"}) {
    const ParsedOutput output = ParseBytes(text, options);
    CHECK(output.calls.empty());
    CHECK(output.content == text);
  }
  CHECK(ParseBytes("[f(a=1), g()]", options).calls.size() == 2);
}

TEST_CASE("constrained: what does not begin with the name is decided at its end") {
  const ToolCallParser::Options options{ToolFormat::kLlama, true, true, {"f"}};
  const std::string other = R"({"type": "function", "name": "h", "parameters": {"a": 1}})";
  CHECK(ParseBytes(other, options).content == other);
  const std::string known = R"({"type": "function", "name": "f", "parameters": {"a": 1}})";
  REQUIRE(ParseBytes(known, options).calls.size() == 1);
  CHECK(ParseBytes(known, options).calls[0].arguments == R"({"a": 1})");
}

}  // namespace
}  // namespace puna::api
