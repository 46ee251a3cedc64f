#include "api/endpoints/messages_request.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/fields/template_json.h"
#include "api/json/error.h"

using namespace puna::api;
using nlohmann::json;

namespace {

const json kLeast = json::parse(R"({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]})");

MessagesRequest Parse(json members) {
  json body = kLeast;
  body.update(members);
  return ParseMessagesRequest(body.dump());
}
MessagesRequest Parse(const char* members) { return Parse(json::parse(members)); }

std::vector<Message> Messages(const char* messages) {
  return Parse({{"messages", json::parse(messages)}}).chat.messages;
}

ApiError Refused(const std::string& body) {
  try {
    ParseMessagesRequest(body);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error;
  }
  FAIL_CHECK("accepted: " << body);
  return Internal("");
}
std::string ParamOf(const char* members) {
  json body = kLeast;
  body.update(json::parse(members));
  return Refused(body.dump()).param();
}
std::string ParamOfMessages(const char* messages) {
  return ParamOf((R"({"messages": )" + std::string(messages) + "}").c_str());
}

const char* const kTools = R"([{"name": "look", "description": "Looks", "cache_control": {"type": "ephemeral"},
  "input_schema": {"type": "object", "properties": {"z": {"maximum": 12345678901234567890123}, "a": {}}}, "strict": true},
  {"type": "custom", "name": "now", "input_schema": {}, "defer_loading": true, "eager_input_streaming": true}])";

}  // namespace

TEST_CASE("the least and all of it") {
  const ChatRequest least = ParseMessagesRequest(kLeast.dump()).chat;
  CHECK(least.messages.size() == 1);
  CHECK(least.sampling.max_tokens == 5);
  CHECK(least.tool_choice.mode == ToolChoice::Mode::kNone);
  CHECK(least.add_generation_prompt);
  CHECK_FALSE(least.streaming.stream);
  CHECK(least.warnings.empty());

  const MessagesRequest request = Parse(R"({"system": "Be kind.", "temperature": 0.5, "top_p": 0.9, "top_k": 40,
    "stop_sequences": ["a", "b"], "stream": true, "metadata": {"user_id": "me"}, "service_tier": "standard_only",
    "cache_control": {"type": "ephemeral"}, "context_management": {"edits": []}, "mcp_servers": [],
    "diagnostics": {"previous_message_id": "msg_1"}, "thinking": {"type": "disabled"}})");
  const ChatRequest& chat = request.chat;
  CHECK(chat.messages[0].role == "system");
  CHECK(chat.messages[0].content == "Be kind.");
  CHECK(chat.sampling.temperature == 0.5);
  CHECK(chat.sampling.top_p == 0.9);
  CHECK(chat.sampling.top_k == 40);
  CHECK(chat.sampling.stop == std::vector<std::string>{"a", "b"});
  CHECK(chat.streaming.stream);
  CHECK(chat.user == "me");
  CHECK(request.context_management);
  CHECK(request.diagnostics);
  CHECK_MESSAGE(chat.warnings.empty(), chat.warnings.HeaderValue());
}

TEST_CASE("a text and blocks of the same text read the same, whatever marks they bear") {
  const char* string = R"([{"role": "user", "content": "one\n\ntwo"}])";
  const char* blocks = R"([{"role": "user", "content": [{"type": "text", "text": "one", "citations": null},
    {"type": "text", "text": "", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]}])";
  const char* turns = R"([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}])";
  for (const char* messages : {string, blocks, turns}) {
    REQUIRE(Messages(messages).size() == 1);
    CHECK(Messages(messages)[0].content == "one\n\ntwo");
  }
  const ChatRequest system = Parse(R"({"system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
    {"type": "text", "text": "B"}]})")
                                 .chat;
  CHECK(system.messages[0].content == "A\n\nB");
  CHECK(system.warnings.empty());
}

TEST_CASE("a system message stands where it was sent") {
  const auto messages = Messages(R"([{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now be short."},
    {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Go"}])");
  REQUIRE(messages.size() == 4);
  CHECK(messages[1].role == "system");
}

TEST_CASE("the digits of Claude Code's billing header are not for the model") {
  const char* with = R"({"system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.332.abc"},
    {"type": "text", "text": "You are"}, {"type": "text", "text": "x-anthropic-billing-header: kept"}]})";
  CHECK(Parse(with).chat.messages[0].content == "You are\n\nx-anthropic-billing-header: kept");
  CHECK(Parse(R"({"system": [{"type": "text", "text": "x-anthropic-billing-header: x"}]})").chat.messages[0].role ==
        "user");
}

TEST_CASE("calls and their results") {
  const auto messages = Messages(R"([{"role": "user", "content": "Look"},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"},
      {"type": "text", "text": "I look."},
      {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"q": 1.50}, "caller": {"type": "direct"}},
      {"type": "tool_use", "id": "toolu_2", "name": "now"}]},
    {"role": "user", "content": [{"type": "text", "text": "Here."},
      {"type": "tool_result", "tool_use_id": "toolu_2", "content": "12:00", "cache_control": {"type": "ephemeral"}},
      {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true,
        "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "light"}]},
      {"type": "tool_result", "tool_use_id": "toolu_9"}]}])");
  REQUIRE(messages.size() == 6);
  CHECK(messages[1].content == "I look.");
  REQUIRE(messages[1].tool_calls.size() == 2);
  CHECK(messages[1].tool_calls[0].arguments == R"({"q":1.5})");
  CHECK(messages[1].tool_calls[1].arguments == "{}");
  CHECK(messages[2].role == "tool");
  CHECK(messages[2].tool_call_id == "toolu_2");
  CHECK(messages[2].content == "12:00");
  CHECK(messages[3].content == "Error: no\n\nlight");
  CHECK(messages[4].content.empty());  // a result of no call: shown as it is
  CHECK(messages[5].role == "user");
  CHECK(messages[5].content == "Here.");
  const auto only =
      Messages(R"([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}]}])");
  CHECK(only.size() == 1);
}

TEST_CASE("documents and search results of text are text; what else Anthropic's tools made is shown as written") {
  const MessagesRequest request = Parse(R"({"messages": [{"role": "user", "content": [
    {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "body"}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inside"}]}},
    {"type": "search_result", "title": "S", "source": "http://x", "content": [{"type": "text", "text": "found"}]},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}]}]})");
  CHECK(request.chat.messages[0].content.starts_with("T\n\nbody\n\ninside\n\nS\n\nhttp://x\n\nfound\n\n{\"content\""));
  CHECK(request.chat.warnings.texts().size() == 1);
}

TEST_CASE("the answer goes on where the assistant's last message ends") {
  const char* begun = R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "I "}])";
  const ChatRequest chat = Parse({{"messages", json::parse(begun)}}).chat;
  CHECK(chat.continue_final_message);
  CHECK_FALSE(chat.add_generation_prompt);
  const char* called =
      R"([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}])";
  CHECK_FALSE(Parse({{"messages", json::parse(called)}}).chat.continue_final_message);
}

TEST_CASE("tools keep their schema as it was written, and tools that others run are left out") {
  const ChatRequest chat =
      ParseMessagesRequest(R"({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": ""}],
    "tools": )" + std::string(kTools) +
                           "}")
          .chat;
  REQUIRE(chat.tools.size() == 2);
  CHECK(chat.tools[0].strict);
  CHECK(chat.tools[0].parameters.find("12345678901234567890123") != std::string::npos);
  CHECK(chat.tools[0].json.starts_with(
      R"({"type": "function", "function": {"name": "look", "description": "Looks", "parameters": {)"));
  CHECK(json::accept(TemplateToolsJson(chat.tools)));
  CHECK(chat.tool_choice.mode == ToolChoice::Mode::kAuto);
  CHECK(chat.parallel_tool_calls);
  CHECK(chat.warnings.empty());
  const ChatRequest other = Parse(R"({"tools": [{"type": "web_search_20260209", "name": "web_search"}]})").chat;
  CHECK(other.tools.empty());
  CHECK(other.tool_choice.mode == ToolChoice::Mode::kNone);
  CHECK(other.warnings.HeaderValue().find("web_search_20260209") != std::string::npos);
}

TEST_CASE("which tools may be called") {
  const auto choose = [](const char* choice) {
    return Parse({{"tools", json::parse(kTools)}, {"tool_choice", json::parse(choice)}}).chat;
  };
  CHECK(choose(R"({"type": "auto"})").tool_choice.mode == ToolChoice::Mode::kAuto);
  CHECK(choose(R"({"type": "none"})").tool_choice.mode == ToolChoice::Mode::kNone);
  CHECK(choose(R"({"type": "any"})").tool_choice.mode == ToolChoice::Mode::kRequired);
  CHECK_FALSE(choose(R"({"type": "any", "disable_parallel_tool_use": true})").parallel_tool_calls);
  const ToolChoice named = choose(R"({"type": "tool", "name": "now"})").tool_choice;
  CHECK(named.mode == ToolChoice::Mode::kRequired);
  CHECK(named.named);
  CHECK(named.allowed == std::vector<std::string>{"now"});
  CHECK(Parse(R"({"tool_choice": {"type": "auto"}})").chat.tool_choice.mode == ToolChoice::Mode::kNone);
  CHECK(ParamOf(R"({"tool_choice": {"type": "any"}})") == "tool_choice");
  CHECK(ParamOf(R"({"tool_choice": "auto"})") == "tool_choice");
  CHECK(ParamOf(R"({"tools": [{"name": "a", "input_schema": {}}], "tool_choice": {"type": "required"}})") ==
        "tool_choice.type");
  CHECK(ParamOf(R"({"tools": [{"name": "a", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "b"}})") ==
        "tool_choice.name");
}

TEST_CASE("the form of the answer") {
  const char* format =
      R"({"output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}})";
  const ChatRequest chat = Parse(format).chat;
  CHECK(chat.format.kind == OutputFormat::Kind::kJsonSchema);
  CHECK(json::parse(chat.format.source) == json{{"type", "object"}});
  CHECK(chat.warnings.texts().size() == 1);
  CHECK(Parse(R"({"output_format": {"type": "json_schema", "schema": {}}})").chat.format.param ==
        "output_format.schema");
  CHECK(ParamOf(R"({"output_config": {"format": {"type": "text"}}})") == "output_config.format.type");
  CHECK(ParamOf(R"({"output_config": {"format": {"type": "json_schema"}}})") == "output_config.format.schema");
  CHECK(ParamOf(R"({"output_config": []})") == "output_config");
}

TEST_CASE("what has no effect is told, and Claude Code's marks are no reason to refuse") {
  const auto warned = [](const char* members) { return Parse(members).chat.warnings.HeaderValue(); };
  CHECK(warned(R"({"thinking": {"type": "adaptive", "display": "omitted"}})").find("thinking") != std::string::npos);
  CHECK(warned(R"({"speed": "fast"})").find("speed") != std::string::npos);
  CHECK(warned(R"({"no_such": 1})").find("no_such") != std::string::npos);
  CHECK(warned(R"({"messages": [{"role": "user", "content": "x", "color": 1}]})").find("messages[0].color") !=
        std::string::npos);
}

TEST_CASE("what is wrong is refused by name") {
  for (const char* name : {"model", "max_tokens", "messages"}) {
    json body = kLeast;
    body.erase(name);
    CHECK(Refused(body.dump()).param() == name);
  }
  CHECK(Refused("[]").code() == "invalid_json");
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"max_tokens": -1})", "max_tokens"},
      {R"({"max_tokens": 1.5})", "max_tokens"},
      {R"({"max_tokens": "5"})", "max_tokens"},
      {R"({"model": 5})", "model"},
      {R"({"temperature": 1.1})", "temperature"},
      {R"({"temperature": -0.1})", "temperature"},
      {R"({"top_p": 2})", "top_p"},
      {R"({"top_k": -1})", "top_k"},
      {R"({"stream": "yes"})", "stream"},
      {R"({"stop_sequences": "x"})", "stop_sequences"},
      {R"({"stop_sequences": ["a", ""]})", "stop_sequences[1]"},
      {R"({"stop_sequences": [5]})", "stop_sequences[0]"},
      {R"({"stop": "x"})", "stop"},
      {R"({"system": 5})", "system"},
      {R"({"system": [{"type": "image"}]})", "system[0]"},
      {R"({"system": [{"type": "tool_use"}]})", "system[0].type"},
      {R"({"messages": []})", "messages"},
      {R"({"messages": "Hi"})", "messages"},
      {R"({"metadata": {"user_id": 5}})", "metadata.user_id"},
      {R"({"service_tier": "fast"})", "service_tier"},
      {R"({"cache_control": "on"})", "cache_control"},
      {R"({"context_management": []})", "context_management"},
      {R"({"container": "c"})", "container"},
      {R"({"mcp_servers": [{"url": "x"}]})", "mcp_servers"},
      {R"({"tools": {}})", "tools"},
      {R"({"tools": [{"input_schema": {}}]})", "tools[0].name"},
      {R"({"tools": [{"name": "a b", "input_schema": {}}]})", "tools[0].name"},
      {R"({"tools": [{"name": "a"}]})", "tools[0].input_schema"},
      {R"({"tools": [{"name": "a", "input_schema": "x"}]})", "tools[0].input_schema"},
      {R"({"tools": [{"name": "a", "input_schema": {}}, {"name": "a", "input_schema": {}}]})", "tools[1]"},
  };
  for (const auto& each : wrong) CHECK_MESSAGE(ParamOf(each.first) == each.second, each.first);
}

TEST_CASE("blocks that cannot be used are refused by their place") {
  const std::pair<const char*, const char*> wrong[] = {
      {R"([{"role": "tool", "content": "x"}])", "messages[0].role"},
      {R"([{"content": "x"}])", "messages[0].role"},
      {R"([{"role": "user"}])", "messages[0].content"},
      {R"([{"role": "user", "content": 5}])", "messages[0].content"},
      {R"([{"role": "user", "content": ["x"]}])", "messages[0].content[0]"},
      {R"([{"role": "user", "content": [{"text": "x"}]}])", "messages[0].content[0].type"},
      {R"([{"role": "user", "content": [{"type": "text"}]}])", "messages[0].content[0].text"},
      {R"([{"role": "user", "content": [{"type": "audio"}]}])", "messages[0].content[0].type"},
      {R"([{"role": "user", "content": [{"type": "image", "source": {}}]}])", "messages[0].content[0]"},
      {R"([{"role": "user", "content": [{"type": "document", "source": {"type": "base64", "data": ""}}]}])",
       "messages[0].content[0].source.type"},
      {R"([{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}])", "messages[0].content[0]"},
      {R"([{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}])",
       "messages[0].content[0]"},
      {R"([{"role": "assistant", "content": [{"type": "tool_use", "name": "b"}]}])", "messages[0].content[0].id"},
      {R"([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}]}])",
       "messages[0].content[0].input"},
      {R"([{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}])",
       "messages[0].content[0].tool_use_id"},
      {R"([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image"}]}]}])",
       "messages[0].content[0].content[0]"},
  };
  for (const auto& each : wrong) CHECK_MESSAGE(ParamOfMessages(each.first) == each.second, each.first);
}

TEST_CASE("tokens are counted of a body without a bound") {
  json body = kLeast;
  body.erase("max_tokens");
  CHECK(ParseCountTokensRequest(body.dump()).chat.messages.size() == 1);
}
