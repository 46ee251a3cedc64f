#include "api/tool_calls/custom_input.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/fields/custom_tool.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {
namespace {

std::string Whole(const std::string& json) {
  CustomInput input;
  std::string text = input.Feed(json);
  return text + input.Finish();
}

TEST_CASE("the text of an input, wherever its JSON is cut") {
  const std::vector<std::string> texts = {"", "*** Begin Patch\n+\"a\\b\"\t\r\n", "\xc3\xa4\xf0\x9f\x98\x80",
                                          std::string("\0\x1f\x7f", 3)};
  for (const std::string& text : texts) {
    for (const bool ascii : {false, true}) {
      const std::string json = "{\"input\": " + nlohmann::json(text).dump(-1, ' ', ascii) + "}";
      for (size_t cut = 0; cut <= json.size(); ++cut) {
        CustomInput input;
        std::string out = input.Feed(json.substr(0, cut));
        CHECK(text.starts_with(out));
        out += input.Feed(json.substr(cut));
        CHECK(out + input.Finish() == text);
      }
    }
    CHECK(Whole(CustomArguments(text)) == text);
  }
  CHECK(Whole(" {\n\"input\"\t:\"a\\/b\" }") == "a/b");
}

TEST_CASE("half a surrogate pair becomes U+FFFD, and a cut one, too") {
  CHECK(Whole("{\"input\": \"a\\ud83dx\"}") == "a\xef\xbf\xbdx");
  CHECK(Whole("{\"input\": \"\\ude00\\ud83d\"}") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(Whole("{\"input\": \"\\ud83d\\ud83d\\ude00\"}") == "\xef\xbf\xbd\xf0\x9f\x98\x80");
  CHECK(Whole("{\"input\": \"a\\ud83d") == "a\xef\xbf\xbd");
}

TEST_CASE("arguments of another form come whole, and what was cut as far as it goes") {
  CHECK(Whole("{\"patch\": \"x\\ny\"}") == "x\ny");
  CHECK(Whole("{\"input\": 5}") == "{\"input\": 5}");
  CHECK(Whole("{\"a\": \"x\", \"input\": \"y\"}") == "{\"a\": \"x\", \"input\": \"y\"}");
  CHECK(Whole("{}") == "{}");
  CHECK(Whole("{\"inp").empty());
  CHECK(Whole("{\"input\": \"half\\").size() == 4);
}

TEST_CASE("a parser gives the calls of custom tools their input, streamed or not") {
  const std::string call = R"({"name": "patch", "parameters": {"input": "a\n\"b\""}})";
  const std::string other = R"({"name": "f", "parameters": {"input": "a\n"}})";
  for (const bool constrained : {false, true}) {
    CAPTURE(constrained);
    ToolCallParser::Options options{.constrained = constrained};
    options.custom = {"patch"};
    IdGenerator ids(1);
    const ParsedOutput output = ParseToolCalls(call + "; " + other + "; " + call, options, ids);
    REQUIRE(output.calls.size() == 3);
    CHECK(output.content.empty());
    CHECK(output.calls[0].arguments == "a\n\"b\"");
    CHECK(output.calls[0].custom);
    CHECK(output.calls[1].arguments == R"({"input": "a\n"})");
    CHECK_FALSE(output.calls[1].custom);
    CHECK(output.calls[2].arguments == "a\n\"b\"");
  }
  ToolCallParser::Options options;
  options.custom = {"patch"};
  IdGenerator ids(1);
  const ParsedOutput pythonic = ParseToolCalls("[patch(diff='x')]", options, ids);
  REQUIRE(pythonic.calls.size() == 1);
  CHECK(pythonic.calls[0].arguments == "x");
}

}  // namespace
}  // namespace puna::api
