#include "api/endpoints/responses_request.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/endpoints/embeddings.h"
#include "api/json/error.h"
#include "engine/text/base64.h"

using namespace puna::api;
using nlohmann::json;
using Kind = ResponseItem::Kind;

namespace {

std::string ParamOf(const std::string& members) {
  try {
    ParseResponsesRequest("{" + members + "}");
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  return "accepted";
}

std::string Shown(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& message : messages) {
    text += message.role + ":" + message.content;
    for (const ToolCall& call : message.tool_calls) text += "!" + call.id + call.name + call.arguments;
    if (!message.tool_call_id.empty()) text += "@" + message.tool_call_id;
    text += ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("the least and all of a response request") {
  const ResponsesRequest least = ParseResponsesRequest(R"({"input": "Hi"})");
  REQUIRE(least.input.size() == 1);
  CHECK(least.input[0].role == "user");
  CHECK(least.input[0].text == "Hi");
  CHECK(least.store);
  CHECK_FALSE(least.stream);
  CHECK(least.num_logprobs == -1);
  CHECK(least.warnings.empty());
  const ResponsesRequest request = ParseResponsesRequest(R"({"model": "m", "input": [], "instructions": "Be brief.",
    "previous_response_id": "resp_1", "max_output_tokens": 9, "temperature": 0, "top_p": 0.5, "stream": true,
    "store": false, "metadata": {"a": "b"}, "truncation": "auto", "include": ["message.output_text.logprobs"],
    "top_logprobs": 2, "parallel_tool_calls": false, "user": "me", "background": false,
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true, "description": null}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1e2}, "strict": true}}})");
  CHECK(request.instructions == "Be brief.");
  CHECK(request.previous_response_id == "resp_1");
  CHECK(request.sampling.max_tokens == 9);
  CHECK(request.sampling.temperature == 0);
  CHECK(request.stream);
  CHECK_FALSE(request.store);
  CHECK(request.truncation_auto);
  CHECK(request.num_logprobs == 2);
  CHECK(request.metadata_json == R"({"a": "b"})");
  REQUIRE(request.tools.size() == 1);
  CHECK(request.tools[0].strict);
  CHECK(request.tools[0].json ==
        R"({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}})");
  CHECK(request.tool_choice.named);
  CHECK(request.format.kind == OutputFormat::Kind::kJsonSchema);
  CHECK(request.format.source == R"({"a": 1e2})");
  CHECK(request.format.strict);
  CHECK(request.warnings.empty());
}

TEST_CASE("items of all kinds become a conversation") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": [
    {"role": "developer", "content": "D"},
    {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
    {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
     "content": [{"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
    {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{\"x\":1}"},
    {"type": "function_call_output", "call_id": "c1", "output": "one"},
    {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "call_id": "c3", "name": "h", "arguments": "{}"}]})");
  CHECK(request.warnings.texts().size() == 1);
  CHECK(Shown(AssembleMessages("I", {}, request.input)) ==
        "system:I system:D user:a\nb assistant:Looking.!c1f{}!c2g{\"x\":1} tool:one@c1 tool:two@c2 "
        "assistant:!c3h{} ");
}

TEST_CASE("earlier responses come first, without their instructions") {
  const std::vector<ResponseItem> earlier =
      ParseResponsesRequest(R"({"input": [{"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}]})")
          .input;
  const std::vector<ResponseItem> input = ParseResponsesRequest(R"({"input": "q2"})").input;
  CHECK(Shown(AssembleMessages("", earlier, input)) == "user:q1 assistant:a1 user:q2 ");
  CHECK(Shown(AssembleMessages("new", earlier, input)) == "system:new user:q1 assistant:a1 user:q2 ");
}

TEST_CASE("what a compaction stands for is left out, but for system messages and the user's last words") {
  const auto contents = [](std::vector<ResponseItem> items, size_t compaction) {
    items[compaction].kind = ResponseItem::Kind::kContextCompaction;
    std::string text;
    for (const Message& message : AssembleMessages("", {}, items))
      text += message.role[0] + message.content.substr(0, 2);
    return text;
  };
  const std::vector<ResponseItem> items = ParseResponsesRequest(R"({"input": [
    {"role": "system", "content": "s1"}, {"role": "user", "content": "u1"}, {"role": "assistant", "content": "a1"},
    {"role": "user", "content": "u2"}, {"type": "compaction", "encrypted_content": "x"},
    {"role": "assistant", "content": "a2"}, {"role": "user", "content": "u3"}]})")
                                              .input;
  CHECK(contents(items, 4) == "ss1u(Wuu2aa2uu3");
  CHECK(contents({items.begin(), items.begin() + 5}, 4) == "ss1u(Wuu2");
  CHECK(contents({items[2], items[4], items[5]}, 1) == "u(Waa2");
  CHECK(contents({items[4], items[6]}, 0) == "u(Wuu3");
  CHECK(HasPast(items, {}));
  CHECK(HasPast({items[4]}, {items[6]}));
  CHECK_FALSE(HasPast({items[0]}, {items[1], items[3]}));
}

TEST_CASE("context_management has one threshold, and a trigger is no item") {
  const auto read = [](const json& context) {
    return ParseResponsesRequest(json{{"input", "Hi"}, {"context_management", context}}.dump()).compact_threshold;
  };
  const auto entry = [](const json& threshold) {
    return json{{"type", "compaction"}, {"compact_threshold", threshold}};
  };
  CHECK_FALSE(read(nullptr).has_value());
  CHECK_FALSE(read(json::array()).has_value());
  CHECK(read(json::array({entry(nullptr)})) == 0);
  CHECK(read(json::array({entry(500), entry(300), entry(nullptr)})) == 300);
  CHECK(read(json::array({entry(nullptr), entry(400)})) == 400);
  const ResponsesRequest request =
      ParseResponsesRequest(R"({"input": [{"role": "user", "content": "Hi"}, {"type": "compaction_trigger"}]})");
  CHECK(request.only_compacts);
  CHECK(request.input.size() == 1);
}

TEST_CASE("references are put in their place") {
  const std::vector<ResponseItem> input =
      ParseResponsesRequest(
          R"({"input": [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}, {"role": "user", "content": "x"}]})")
          .input;
  const auto find = [](const std::string& id) {
    ResponseItem item;
    item.role = "assistant";
    item.text = "stored";
    return id == "msg_1" ? std::optional(item) : std::nullopt;
  };
  CHECK(Shown(AssembleMessages("", {}, ResolveReferences(input, find))) == "assistant:stored assistant:stored user:x ");
  const auto none = [](const std::string&) { return std::optional<ResponseItem>(); };
  CHECK_THROWS_AS(ResolveReferences(input, none), ApiError);
}

TEST_CASE("truncation drops the oldest turns but never the system message or the last") {
  const std::vector<Message> messages = AssembleMessages("S", {},
                                                         ParseResponsesRequest(R"({"input": [
    {"role": "user", "content": "q1"},
    {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "one"},
    {"role": "user", "content": "q2"}]})")
                                                             .input);
  CHECK(NumDroppable(messages) == 2);
  CHECK(Shown(WithoutOldest(messages, 0)) == Shown(messages));
  CHECK(Shown(WithoutOldest(messages, 1)) == "system:S assistant:!c1f{} tool:one@c1 user:q2 ");
  CHECK(Shown(WithoutOldest(messages, 2)) == "system:S user:q2 ");
  CHECK(NumDroppable(WithoutOldest(messages, 2)) == 0);
}

TEST_CASE("arguments and outputs that are null are empty") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": [
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": null},
    {"type": "function_call_output", "call_id": "c", "output": null}]})");
  REQUIRE(request.input.size() == 2);
  CHECK(request.input[0].arguments.empty());
  CHECK(request.input[1].text.empty());
}

TEST_CASE("items of other tools are shown as a function's or passed over, never fatal") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": [
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "apply_patch", "input": "*** \"x\""},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    {"type": "local_shell_call", "call_id": "c2", "action": {"type": "exec", "command": ["ls"]}},
    {"type": "local_shell_call_output", "call_id": "c2", "output": [{"stdout": "a"}]},
    {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}},
    {"type": "mcp_list_tools", "id": "mcpl_1", "tools": []},
    {"type": "tool_search_output", "call_id": "c3", "tools": []}]})");
  REQUIRE(request.input.size() == 4);
  CHECK(request.input[0].name == "apply_patch");
  CHECK(request.input[0].text == "*** \"x\"");
  CHECK(request.input[1].text == "done");
  CHECK(request.input[2].name == "local_shell");
  CHECK(request.input[2].arguments == R"({"command":["ls"]})");  // as the model wrote it: the rest is the client's
  CHECK(json::parse(ItemListJson(request.input))["data"][2]["action"]["type"] == "exec");
  CHECK(request.input[3].text == R"([{"stdout":"a"}])");
  REQUIRE(request.warnings.texts().size() == 3);
  CHECK(request.warnings.texts()[0].starts_with("'input[4]' of type web_search_call is passed over"));
  const std::vector<Message> messages = AssembleMessages("", {}, request.input);
  CHECK(messages[0].tool_calls.at(0).id == "c1");
  CHECK(messages[1].tool_call_id == "c1");
  CHECK(json::parse(ItemListJson(request.input))["data"][0]["type"] == "custom_tool_call");
  CHECK(ParamOf(R"("input": [{"type": "mesage", "text": "x"}])") == "input[0].type");
}

TEST_CASE("local_shell is a function for the model, and can be demanded") {
  const ResponsesRequest request = ParseResponsesRequest(
      R"({"input": "x", "tools": [{"type": "local_shell"}], "tool_choice": {"type": "local_shell"}})");
  REQUIRE(request.tools.size() == 1);
  CHECK(request.tools[0].name == "local_shell");
  CHECK(json::parse(request.tools[0].json)["function"]["parameters"] == json::parse(request.tools[0].parameters));
  CHECK(request.tool_choice.allowed == std::vector<std::string>{"local_shell"});
  CHECK(request.warnings.empty());
  CHECK(ParamOf(
            R"("input": "x", "tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "local_shell"})") ==
        "tool_choice.type");
  CHECK(ParamOf(R"("input": "x", "tools": [{"type": "local_shell"}, {"type": "local_shell"}])") == "tools[1]");
}

TEST_CASE("items that bring tools count as tools, and as no item") {
  const std::string brings = R"({"type": "additional_tools", "role": "developer", "tools": [
      {"type": "function", "name": "f", "description": "D", "parameters": {"type": "object"}},
      {"type": "custom", "name": "patch"}, {"type": "web_search"}]})";
  const std::string asks = R"({"role": "user", "content": "Hi"})";
  ResponsesRequest request = ParseResponsesRequest(R"({"input": [)" + brings + ", " + asks + "]}");
  REQUIRE(request.tools.size() == 2);
  CHECK(request.tools[0].name == "f");
  CHECK(json::parse(request.tools[0].json)["function"]["description"] == "D");
  CHECK(request.tools[1].kind == ToolSpec::Kind::kCustom);
  REQUIRE(request.input.size() == 1);
  CHECK(request.warnings.texts() ==
        std::vector<std::string>{"'input[0].tools[2]' of type web_search is left out: such tools cannot be run here"});
  // Beside tools of the body, and again with the history: once each, as they came last.
  request = ParseResponsesRequest(
      R"({"tools": [{"type": "function", "name": "g"}, {"type": "function", "name": "f", "description": "old"}],
          "tool_choice": {"type": "function", "name": "f"}, "input": [)" +
      brings + ", " + asks + ", " + brings + "]}");
  REQUIRE(request.tools.size() == 3);
  CHECK(request.tools[0].name == "g");
  CHECK(json::parse(request.tools[1].json)["function"]["description"] == "D");
  CHECK(request.tool_choice.allowed == std::vector<std::string>{"f"});
  const auto param_of_tools = [](const std::string& tools) {
    return ParamOf(R"("instructions": "x", "input": [{"type": "additional_tools")" + tools + "}]");
  };
  CHECK(param_of_tools("") == "input[0].tools");
  CHECK(param_of_tools(R"(, "tools": [{"type": "function"}])") == "input[0].tools[0].name");
  CHECK(param_of_tools(R"(, "tools": [{"type": "custom", "name": "a"}, {"type": "function", "name": "a"}])") ==
        "input[0].tools[1]");
}

TEST_CASE("bad requests are refused by their path") {
  CHECK(ParamOf("") == "input");
  CHECK(ParamOf(R"("input": [])") == "input");
  CHECK(ParamOf(R"("input": 5)") == "input");
  CHECK(ParamOf(R"("input": ["x"])") == "input[0]");
  CHECK(ParamOf(R"("input": [{"role": "tool", "content": "x"}])") == "input[0].role");
  CHECK(ParamOf(R"("input": [{"role": "user", "content": [{"type": "input_image"}]}])") == "input[0].content[0]");
  CHECK(ParamOf(R"("input": [{"type": "function_call_output", "output": "x"}])") == "input[0].call_id");
  CHECK(ParamOf(R"("input": [{"type": "function_call", "call_id": "x", "name": "f"}])") == "input[0].arguments");
  CHECK(ParamOf(R"("input": "x", "max_output_tokens": 0)") == "max_output_tokens");
  CHECK(ParamOf(R"("input": "x", "truncation": "x")") == "truncation");
  CHECK(ParamOf(R"("input": "x", "metadata": {"a": 1})") == "metadata.a");
  CHECK(ParamOf(R"("input": "x", "background": true, "store": false)") == "background");
  CHECK(ParamOf(R"("input": "x", "background": true)") == "accepted");
  CHECK(ParamOf(R"("input": "x", "conversation": "conv_1")") == "accepted");
  CHECK(ParamOf(R"("input": "x", "conversation": {"id": "conv_1"})") == "accepted");
  CHECK(ParamOf(R"("input": "x", "conversation": {"id": 1})") == "conversation.id");
  CHECK(ParamOf(R"("input": "x", "conversation": "conv_1", "previous_response_id": "resp_1")") == "conversation");
  CHECK(ParamOf(R"("input": "x", "tools": [{"type": "web_search"}], "tool_choice": "required")") == "tool_choice");
  CHECK(ParamOf(R"("input": "x", "tools": [{"type": "function"}])") == "tools[0].name");
  CHECK(ParamOf(R"("input": "x", "text": {"format": {"type": "json_schema", "name": "n"}})") == "text.format.schema");
  CHECK(ParamOf(R"("input": "x", "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"})") ==
        "accepted");
}

TEST_CASE("embeddings") {
  const EmbeddingsRequest request =
      ParseEmbeddingsRequest(R"({"model": "m", "input": ["a", "b"], "encoding_format": "base64", "pooling": "last"})");
  CHECK(request.inputs.size() == 2);
  CHECK(request.base64);
  CHECK(request.pooling == EmbeddingsRequest::Pooling::kLast);
  CHECK_THROWS_AS(ParseEmbeddingsRequest(R"({"input": ""})"), ApiError);
  CHECK_THROWS_AS(ParseEmbeddingsRequest(R"({"input": ["a", ""]})"), ApiError);
  CHECK(ParseEmbeddingsRequest(R"({"input": "a", "dimensions": 5})").dimensions == 5);
  CHECK_THROWS_AS(ParseEmbeddingsRequest(R"({"input": "a", "dimensions": 0})"), ApiError);
  CHECK(EmbeddingsJson({{1.0f, -2.5f}}, "m", 3, false) ==
        R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-2.5]}],"model":"m",)"
        R"("usage":{"prompt_tokens":3,"total_tokens":3}})");
  CHECK(json::parse(EmbeddingsJson({{1.0f, -2.5f}}, "m", 3, true))["data"][0]["embedding"] == "AACAPwAAIMA=");
  CHECK(puna::text::ToBase64("") == "");
  CHECK(puna::text::ToBase64("f") == "Zg==");
  CHECK(puna::text::ToBase64("fo") == "Zm8=");
  CHECK(puna::text::ToBase64("foo") == "Zm9v");
  CHECK(puna::text::ToBase64("foob") == "Zm9vYg==");
}
