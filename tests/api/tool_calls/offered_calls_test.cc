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

ToolCallParser::Options OrForm(ToolFormat format, bool constrained) {
  ToolCallParser::Options options{format, constrained, true, {"f", "get"}};
  for (const std::string& name : options.names) options.beginnings.push_back(CallBeginning(format, name));
  return options;
}

TEST_CASE("an answer in its form flows from the byte on that no call has") {
  struct Case {
    ToolFormat format;
    std::string text;
    size_t held;  // bytes that a call may begin with, too
  };
  const Case cases[] = {{ToolFormat::kLlama, R"({"answer": "<function=f>{}</function>", "name": "f"})", 2},
                        {ToolFormat::kLlama, R"({"name": "gus", "parameters": {"a": 1}})", 11},
                        {ToolFormat::kLlama, R"({"name": "f", "parameters": "none"})", 28},
                        {ToolFormat::kLlama, "[1, 2, 3]", 0},
                        {ToolFormat::kLlama, " {\"name\": \"f\", \"parameters\": {}}", 0},
                        {ToolFormat::kHermes, "{\"a\": \"<tool_call>\\n{}</tool_call>\"}", 0},
                        {ToolFormat::kHermes, "<tool_call>{}", 11}};
  for (const Case& c : cases) {
    for (const bool constrained : {true, false}) {
      CAPTURE(c.text);
      IdGenerator ids(1);
      ToolCallParser parser(OrForm(c.format, constrained), ids);
      std::string content;
      for (size_t i = 0; i < c.text.size(); ++i) {
        const OutputDelta delta = parser.Feed(c.text.substr(i, 1));
        content += delta.content;
        CHECK(delta.calls.empty());
        CHECK(content == (i < c.held ? "" : c.text.substr(0, i + 1)));
      }
      CHECK(parser.Finish().empty());
    }
  }
}

TEST_CASE("beside a form, what begins as a call does is one") {
  for (const ToolFormat format : {ToolFormat::kLlama, ToolFormat::kHermes}) {
    const CallSyntax& syntax = FormatRow(format).calls.front();
    const std::string call = std::string(syntax.before_name) + "get" + std::string(syntax.before_arguments) +
                             "{\"a\": [1, {}]}" + std::string(syntax.behind);
    for (const bool constrained : {true, false}) {
      const ParsedOutput output = ParseBytes(call, OrForm(format, constrained));
      REQUIRE(output.calls.size() == 1);
      CHECK(output.calls[0].name == "get");
      CHECK(output.calls[0].arguments == "{\"a\": [1, {}]}");
      CHECK(output.content.empty());
    }
  }
}

TEST_CASE("a call that was certain leaves no content, wherever it is cut") {
  for (const ToolFormat format : {ToolFormat::kLlama, ToolFormat::kHermes}) {
    for (const CallSyntax& syntax : FormatRow(format).calls) {
      const std::string call = std::string(syntax.before_name) + "get" + std::string(syntax.before_arguments) +
                               "{\"a\": \"<x>\"}" + std::string(syntax.behind);
      const std::string text = call + std::string(syntax.between) + call;
      const bool is_first = &syntax == &FormatRow(format).calls.front();
      const size_t certain = syntax.tag.empty() ? std::string("{\"name\"").size() : syntax.tag.size();
      for (const bool demanded : {true, false}) {
        if (demanded && !is_first) continue;
        ToolCallParser::Options options{format, true, true, {"get"}};
        options.demanded = demanded;
        for (size_t cut = demanded ? 0 : certain; cut <= text.size(); ++cut) {
          const ParsedOutput output = ParseBytes(text.substr(0, cut), options);
          CAPTURE(text.substr(0, cut));
          CHECK(output.content.empty());
          CHECK(output.calls.size() <= 2);
          if (cut >= call.size()) CHECK(output.calls.at(0).arguments == "{\"a\": \"<x>\"}");
        }
      }
    }
  }
}

}  // namespace
}  // namespace puna::api
