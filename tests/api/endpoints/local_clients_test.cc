// What local and older clients send, in chat completions.
#include <doctest/doctest.h>

#include "api/endpoints/chat_request.h"
#include "api/json/error.h"

using namespace puna::api;

namespace {

ChatRequest Parse(const std::string& members) {
  return ParseChatRequest(R"({"messages": [{"role": "user", "content": "Hi"}], )" + members + "}");
}

// The param of the error; empty: it was accepted.
std::string ParamOf(const std::string& members) {
  try {
    Parse(members);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  return {};
}

}  // namespace

TEST_CASE("tools that others run are left out, and those beside them work") {
  const char* tools = R"("tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "f"}},
    {"type": "mcp", "server_label": "s"}])";
  const ChatRequest request = Parse(tools);
  REQUIRE(request.tools.size() == 1);
  CHECK(request.tools[0].name == "f");
  REQUIRE(request.warnings.texts().size() == 2);
  CHECK(request.warnings.texts()[0].starts_with("'tools[0]' of type web_search is left out"));
  CHECK(request.warnings.texts()[1].starts_with("'tools[2]' of type mcp is left out"));
  CHECK(ParamOf(std::string(tools) + R"(, "tool_choice": {"type": "web_search"})") == "tool_choice.type");
  CHECK(ParamOf(R"("tools": [{"type": "web_search"}], "tool_choice": "required")") == "tool_choice");
  CHECK(Parse(R"("tools": [{"type": "web_search"}])").tool_choice.mode == ToolChoice::Mode::kNone);
}

TEST_CASE("what shapes an answer elsewhere is refused with its name here, and what asks for nothing is not") {
  for (const char* field : {"options", "system", "instructions", "input"}) {
    CAPTURE(field);
    const std::string value = std::string(field) == "options" ? R"({"num_predict": 5})" : R"("x")";
    CHECK(ParamOf("\"" + std::string(field) + "\": " + value) == field);
  }
  CHECK(Parse(R"("options": {}, "system": "", "instructions": null)").warnings.empty());
}

TEST_CASE("functions and function_call are tools of one call") {
  const char* functions = R"("functions": [{"name": "f", "parameters": {"a": 1.0}}, {"name": "g"}])";
  const ChatRequest request = Parse(functions);
  CHECK(request.legacy_functions);
  CHECK_FALSE(request.parallel_tool_calls);
  REQUIRE(request.tools.size() == 2);
  CHECK(request.tools[0].json == R"({"type": "function", "function": {"name": "f", "parameters": {"a": 1.0}}})");
  CHECK(request.tool_choice.mode == ToolChoice::Mode::kAuto);
  CHECK(request.warnings.empty());
  const auto with = [&](const std::string& more) { return functions + (", " + more); };
  CHECK(Parse(with(R"("function_call": "none")")).tool_choice.mode == ToolChoice::Mode::kNone);
  const ToolChoice named = Parse(with(R"("function_call": {"name": "g"})")).tool_choice;
  CHECK(named.mode == ToolChoice::Mode::kRequired);
  CHECK(named.allowed == std::vector<std::string>{"g"});
  CHECK(ParamOf(with(R"("function_call": {"name": "h"})")) == "function_call.name");
  CHECK(ParamOf(with(R"("function_call": "required")")) == "function_call");
  CHECK(ParamOf(with(R"("tools": [])")) == "functions");
  CHECK(ParamOf(R"("function_call": "auto")") == "function_call");
  CHECK(ParamOf(R"("functions": [{"name": "f"}, {"name": "f"}])") == "functions[1]");
  CHECK_FALSE(Parse(R"("functions": [])").legacy_functions);
  const ChatRequest history = ParseChatRequest(R"({"messages": [
    {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "function", "name": "f", "content": "one"}]})");
  CHECK(history.messages[0].tool_calls.at(0).name == "f");
  CHECK(history.messages[1].role == "tool");
}

TEST_CASE("what local clients send for none") {
  CHECK_FALSE(Parse(R"("max_tokens": -1)").sampling.max_tokens);
  CHECK_FALSE(Parse(R"("max_completion_tokens": -1)").sampling.max_tokens);
  CHECK(Parse(R"("max_tokens": -1, "max_completion_tokens": 5)").sampling.max_tokens == 5);
  CHECK(ParamOf(R"("max_tokens": -2)") == "max_tokens");
  CHECK(ParamOf(R"("max_tokens": 0)") == "max_tokens");
  CHECK(Parse(R"("stop": "")").sampling.stop.empty());
  CHECK(Parse(R"("stop": ["", "x"])").sampling.stop == std::vector<std::string>{"x"});
}
