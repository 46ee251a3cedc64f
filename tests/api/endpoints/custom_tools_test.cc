// Tools beside functions, as agents send them: custom ones with a text, namespaces, and kinds that cannot be run here.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/endpoints/chat_request.h"
#include "api/endpoints/chat_response.h"
#include "api/endpoints/responses_builder.h"
#include "api/endpoints/responses_request.h"
#include "api/json/error.h"

namespace puna::api {
namespace {

using nlohmann::json;
using Kind = ToolSpec::Kind;
using Syntax = InputGrammar::Syntax;

const std::string kTools = R"([
  {"type": "function", "name": "shell", "parameters": {"type": "object"}},
  {"type": "custom", "name": "patch", "description": "Edits.", "format":
    {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}},
  {"type": "custom", "name": "note", "format": {"type": "text"}},
  {"type": "namespace", "name": "agents", "description": "d", "tools": [
    {"type": "function", "name": "spawn", "description": "S", "parameters": {"type": "object"}},
    {"type": "custom", "name": "say"}, {"type": "mcp"}]},
  {"type": "web_search"}])";

ResponsesRequest Parse(const std::string& members) {
  return ParseResponsesRequest(R"({"input": "x", "tools": )" + kTools + members + "}");
}

template <typename Read>
std::string ParamOf(const Read& read) {
  try {
    read();
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  return "accepted";
}

TEST_CASE("mixed lists: functions, custom tools, namespaces; the rest is left out and named") {
  const ResponsesRequest request = Parse("");
  REQUIRE(request.tools.size() == 5);
  const ToolSpec &patch = request.tools[1], &spawn = request.tools[3];
  CHECK(patch.kind == Kind::kCustom);
  CHECK(patch.input.syntax == Syntax::kLark);
  CHECK(patch.input.definition == "start: /a/");
  const json shown = json::parse(patch.json)["function"];
  CHECK(shown["name"] == "patch");
  CHECK(shown["parameters"]["required"] == json::parse(R"(["input"])"));
  CHECK(shown["parameters"]["properties"]["input"]["description"].get<std::string>().find("start: /a/") !=
        std::string::npos);
  CHECK(request.tools[2].input.syntax == Syntax::kNone);
  CHECK(spawn.name == "agents__spawn");
  CHECK(spawn.own_name == "spawn");
  CHECK(spawn.space == "agents");
  CHECK(json::parse(spawn.json)["function"]["name"] == "agents__spawn");
  CHECK(request.tools[4].name == "agents__say");
  REQUIRE(request.warnings.texts().size() == 2);
  CHECK(request.warnings.texts()[0].find("tools[3].tools[2]") != std::string::npos);
  CHECK(request.warnings.texts()[1].find("tools[4]' of type web_search") != std::string::npos);
}

TEST_CASE("chat completions wrap a custom tool, and its grammar once more") {
  const ChatRequest chat = ParseChatRequest(R"({"messages": [{"role": "user", "content": "x"}],
    "tools": [{"type": "custom", "custom": {"name": "patch", "format":
      {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}}}],
    "tool_choice": {"type": "custom", "custom": {"name": "patch"}}})");
  REQUIRE(chat.tools.size() == 1);
  CHECK(chat.tools[0].input.syntax == Syntax::kRegex);
  CHECK(chat.tools[0].input.definition == "a+");
  CHECK(chat.tool_choice.allowed == std::vector<std::string>{"patch"});
  CHECK(chat.warnings.empty());
}

TEST_CASE("tool_choice names tools by kind, name and namespace; what cannot be run cannot be demanded") {
  const auto choose = [](const std::string& choice) { return Parse(R"(, "tool_choice": )" + choice).tool_choice; };
  CHECK(choose(R"({"type": "custom", "name": "patch"})").allowed[0] == "patch");
  CHECK(choose(R"({"type": "function", "name": "spawn", "namespace": "agents"})").allowed[0] == "agents__spawn");
  CHECK(
      choose(
          R"({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}, {"type": "custom", "name": "note"}]})")
          .allowed == std::vector<std::string>{"note"});
  const auto param = [&](const std::string& choice) { return ParamOf([&] { choose(choice); }); };
  CHECK(param(R"({"type": "function", "name": "patch"})") == "tool_choice.name");
  CHECK(param(R"({"type": "custom", "name": "shell"})") == "tool_choice.name");
  CHECK(param(R"({"type": "function", "name": "spawn"})") == "tool_choice.name");
  CHECK(param(R"({"type": "web_search"})") == "tool_choice.type");
  CHECK(param(R"({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]})") ==
        "tool_choice.tools");
}

TEST_CASE("custom tools that say nothing usable are refused by name") {
  const auto param = [](const std::string& tool) {
    return ParamOf([&] { ParseResponsesRequest(R"({"input": "x", "tools": [)" + tool + "]}"); });
  };
  CHECK(param(R"({"type": "custom"})") == "tools[0].name");
  CHECK(param(R"({"type": "custom", "name": "a b"})") == "tools[0].name");
  CHECK(param(R"({"type": "custom", "name": "a", "format": {"type": "json"}})") == "tools[0].format.type");
  CHECK(
      param(R"({"type": "custom", "name": "a", "format": {"type": "grammar", "syntax": "ebnf", "definition": "x"}})") ==
      "tools[0].format.syntax");
  CHECK(param(R"({"type": "custom", "name": "a", "format": {"type": "grammar", "syntax": "lark"}})") ==
        "tools[0].format.definition");
  CHECK(param(R"({"type": "function", "name": "a"}, {"type": "custom", "name": "a"})") == "tools[1]");
  CHECK(param(R"({"type": "namespace", "name": "n", "tools": {}})") == "tools[0].tools");
}

TEST_CASE("calls that come back are shown as the model wrote them") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": [{"role": "user", "content": "x"},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "patch", "input": "a\n\"b\""},
    {"type": "function_call", "call_id": "c2", "name": "spawn", "namespace": "agents", "arguments": "{}"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    {"type": "function_call_output", "call_id": "c2", "output": "ok"}]})");
  CHECK(request.warnings.empty());
  const std::vector<Message> messages = AssembleMessages("", {}, request.input);
  REQUIRE(messages.size() == 4);
  REQUIRE(messages[1].tool_calls.size() == 2);
  CHECK(messages[1].tool_calls[0].arguments == R"({"input": "a\n\"b\""})");
  CHECK(messages[1].tool_calls[1].name == "agents__spawn");
  CHECK(messages[2].content == "done");
  const json items = json::parse(ItemListJson(request.input))["data"];
  CHECK(items[1] == json::parse(R"({"type": "custom_tool_call", "id": "ctc_1", "status": "completed", "call_id": "c1",
                                    "name": "patch", "input": "a\n\"b\""})"));
  CHECK(items[2]["namespace"] == "agents");
  const ChatRequest chat = ParseChatRequest(R"({"messages": [{"role": "user", "content": "x"}, {"role": "assistant",
    "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "a\n"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "done"}]})");
  CHECK(chat.messages[1].tool_calls[0].arguments == R"({"input": "a\n"})");
}

// type and delta or item of each event.
std::vector<json> Events(const std::string& frames) {
  std::vector<json> events;
  for (size_t at = 0; (at = frames.find("data: ", at)) != std::string::npos; at += 6)
    events.push_back(json::parse(frames.substr(at + 6, frames.find('\n', at) - at - 6)));
  return events;
}

TEST_CASE("a custom tool's call is an item of its own, with events of its own") {
  const ResponsesRequest request = Parse("");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "m", 1, ids);
  std::string frames = builder.Add({"", {{0, "call_1", "patch", "", true}}});
  frames += builder.Add({"", {{0, "", "", "a\n", true}, {0, "", "", "b", true}}});
  frames += builder.Add({"", {{1, "call_2", "agents__spawn", "{}"}}});
  frames += builder.Finish(ResponseBuilder::Status::kCompleted, {});
  const std::vector<json> events = Events(frames);
  std::string types;
  for (const json& event : events) types += event["type"].get<std::string>().substr(9) + " ";
  CHECK(
      types ==
      "output_item.added custom_tool_call_input.delta custom_tool_call_input.delta custom_tool_call_input.done "
      "output_item.done output_item.added function_call_arguments.delta function_call_arguments.done output_item.done "
      "completed ");
  const json added = events[0]["item"];
  CHECK(added["type"] == "custom_tool_call");
  CHECK(added["input"] == "");
  CHECK(added["id"].get<std::string>().starts_with("ctc_"));
  CHECK(events[1]["item_id"] == added["id"]);
  CHECK(events[1]["delta"] == "a\n");
  CHECK(events[3]["input"] == "a\nb");
  CHECK(events[4]["item"]["input"] == "a\nb");
  CHECK(events[4]["item"]["status"] == "completed");
  CHECK(events[5]["item"]["name"] == "spawn");
  CHECK(events[5]["item"]["namespace"] == "agents");
  const json tools = events.back()["response"]["tools"];
  CHECK(tools[0].contains("strict"));
  CHECK_FALSE(tools[1].contains("strict"));
}

TEST_CASE("chat completions have custom calls, streamed and whole") {
  const ResponseHead head{"id", 1, "m", "", ""};
  ChatChoice choice;
  choice.tool_calls = {{"c1", "patch", "a\n", true}, {"c2", "shell", "{}"}};
  const json message = json::parse(ChatCompletionJson(head, {choice}, {}))["choices"][0]["message"];
  CHECK(message["tool_calls"][0] ==
        json::parse(R"({"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "a\n"}})"));
  CHECK(message["tool_calls"][1]["type"] == "function");
  const ChatChunks chunks(head, false);
  const OutputDelta delta{"", {{0, "c1", "patch", "", true}, {0, "", "", "a", true}}};
  const json calls = json::parse(chunks.Delta(0, delta, nullptr))["choices"][0]["delta"]["tool_calls"];
  CHECK(calls ==
        json::parse(R"([{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": "a"}}])"));
}

}  // namespace
}  // namespace puna::api
