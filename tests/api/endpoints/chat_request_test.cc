#include "api/endpoints/chat_request.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/fields/template_json.h"
#include "api/json/error.h"

using namespace puna::api;
using nlohmann::json;

namespace {

const std::string kMessages = R"("messages": [{"role": "user", "content": "Hi"}])";

ChatRequest Parse(const std::string& members) { return ParseChatRequest("{" + kMessages + ", " + members + "}"); }

ApiError Refused(const std::string& body) {
  try {
    ParseChatRequest(body);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error;
  }
  FAIL_CHECK("accepted: " << body);
  return Internal("");
}

std::string ParamOf(const std::string& members) { return Refused("{" + kMessages + ", " + members + "}").param(); }
std::string ParamOfMessages(const std::string& messages) { return Refused("{\"messages\": " + messages + "}").param(); }

const std::string kTools = R"("tools": [
  {"type": "function", "function": {"name": "get_weather", "description": "Weather", "strict": true,
   "parameters": {"type": "object", "properties": {"z": {"maximum": 12345678901234567890123}, "a": {}}}}},
  {"type": "function", "function": {"name": "now"}}])";

}  // namespace

TEST_CASE("the least and all of it") {
  const ChatRequest least = ParseChatRequest("{" + kMessages + "}");
  CHECK(least.messages.size() == 1);
  CHECK_FALSE(least.sampling.temperature.has_value());
  CHECK_FALSE(least.sampling.max_tokens.has_value());
  CHECK(least.n == 1);
  CHECK(least.num_logprobs == -1);
  CHECK(least.tool_choice.mode == ToolChoice::Mode::kNone);
  CHECK(least.warnings.empty());

  const ChatRequest request = Parse(R"("model": "m", "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
    "n": 3, "seed": -5, "stop": ["a", "b"], "max_completion_tokens": 7, "frequency_penalty": 1, "presence_penalty": -1,
    "logit_bias": {"5": -100, "7": 2.5}, "logprobs": true, "top_logprobs": 4, "stream": true,
    "stream_options": {"include_usage": true}, "user": "me", "repetition_penalty": 1.1, "ignore_eos": true,
    "min_tokens": 2, "stop_token_ids": [3, 4], "skip_special_tokens": false, "include_stop_str_in_output": true,
    "prediction": {"type": "content", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
    "chat_template_kwargs": {"b": 1.50, "a": 2}, "service_tier": "auto", "store": false, "modalities": ["text"],
    "return_tokens_as_token_ids": true)");
  CHECK(request.model == "m");
  CHECK(request.sampling.temperature == 0.5);
  CHECK(request.sampling.top_p == 0.9);
  CHECK(request.sampling.top_k == 40);
  CHECK(request.sampling.min_p == 0.05);
  CHECK(request.sampling.repetition_penalty == 1.1);
  CHECK(request.sampling.frequency_penalty == 1);
  CHECK(request.sampling.presence_penalty == -1);
  CHECK(request.sampling.seed == -5);
  CHECK(request.sampling.max_tokens == 7);
  CHECK(request.sampling.min_tokens == 2);
  CHECK(request.sampling.ignore_eos);
  CHECK(request.sampling.stop == std::vector<std::string>{"a", "b"});
  CHECK(request.sampling.stop_token_ids == std::vector<int>{3, 4});
  CHECK(request.sampling.include_stop_str_in_output);
  CHECK_FALSE(request.sampling.skip_special_tokens);
  CHECK(request.sampling.logit_bias == std::vector<std::pair<int, double>>{{5, -100}, {7, 2.5}});
  CHECK(request.n == 3);
  CHECK(request.num_logprobs == 4);
  CHECK(request.streaming.stream);
  CHECK(request.streaming.include_usage);
  CHECK(request.user == "me");
  CHECK(request.prediction == "x\ny");
  CHECK(request.chat_template_kwargs == R"({"b": 1.50, "a": 2})");
  CHECK(request.service_tier == "default");
  CHECK(request.tokens_as_ids);
  CHECK(request.warnings.empty());
}

TEST_CASE("ranges") {
  CHECK(ParamOf(R"("temperature": 2.1)") == "temperature");
  CHECK(ParamOf(R"("temperature": -0.1)") == "temperature");
  CHECK(ParamOf(R"("top_p": 1.1)") == "top_p");
  CHECK(ParamOf(R"("n": 0)") == "n");
  CHECK(ParamOf(R"("n": 129)") == "n");
  CHECK(ParamOf(R"("n": 1.5)") == "n");
  CHECK(ParamOf(R"("max_tokens": 0)") == "max_tokens");
  CHECK(ParamOf(R"("max_tokens": -3)") == "max_tokens");
  CHECK(ParamOf(R"("max_tokens": 5, "max_completion_tokens": 6)") == "max_tokens");
  CHECK(ParamOf(R"("max_tokens": 5, "min_tokens": 6)") == "min_tokens");
  CHECK(ParamOf(R"("top_logprobs": 3)") == "top_logprobs");
  CHECK(ParamOf(R"("logprobs": true, "top_logprobs": 21)") == "top_logprobs");
  CHECK(ParamOf(R"("logit_bias": {"x": 1})") == "logit_bias.x");
  CHECK(ParamOf(R"("logit_bias": {"-1": 1})") == "logit_bias.-1");
  CHECK(ParamOf(R"("logit_bias": {"1": 101})") == "logit_bias.1");
  CHECK(ParamOf(R"("stop": ["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])") == "stop");
  CHECK(ParamOf(R"("seed": 9223372036854775808)") == "seed");
  CHECK(ParamOf(R"("stream_options": {"include_usage": true})") == "stream_options");
  CHECK(ParamOf(R"("continue_final_message": true, "add_generation_prompt": true)") == "continue_final_message");
  CHECK(ParamOf(R"("service_tier": "gold")") == "service_tier");
  CHECK(ParamOf(R"("prediction": {"type": "x", "content": ""})") == "prediction.type");
  CHECK(Parse(R"("top_p": 0)").sampling.top_p.value() > 0);
  CHECK_FALSE(Parse(R"("continue_final_message": true)").add_generation_prompt);
}

TEST_CASE("messages of all roles") {
  const ChatRequest request = ParseChatRequest(R"({"messages": [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "name": "ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.50}"}},
      {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": {"y": 12345678901234567890123}}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "one"},
    {"role": "tool", "tool_call_id": "call_2", "content": {"k": 1.0}},
    {"role": "assistant", "refusal": "No.", "content": null},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "Never."}], "audio": null, "annotations": []}]})");
  REQUIRE(request.messages.size() == 7);
  CHECK(request.messages[0].role == "system");
  CHECK(request.messages[1].content == "a\nb");
  CHECK(request.messages[1].name == "ann");
  REQUIRE(request.messages[2].tool_calls.size() == 2);
  CHECK(request.messages[2].tool_calls[0].arguments == "{\"x\": 1.50}");
  CHECK(request.messages[2].tool_calls[1].arguments == "{\"y\": 12345678901234567890123}");
  CHECK(request.messages[3].content == "one");
  CHECK(request.messages[4].content_json == "{\"k\": 1.0}");
  CHECK(request.messages[5].content == "No.");
  CHECK(request.messages[6].content == "Never.");
  CHECK(request.warnings.empty());
}

TEST_CASE("bad messages are refused by their path") {
  CHECK(ParamOfMessages("[]") == "messages");
  CHECK(ParamOfMessages("\"Hi\"") == "messages");
  CHECK(ParamOfMessages("[5]") == "messages[0]");
  CHECK(ParamOfMessages(R"([{"content": "Hi"}])") == "messages[0].role");
  CHECK(ParamOfMessages(R"([{"role": "critic", "content": "Hi"}])") == "messages[0].role");
  CHECK(ParamOfMessages(R"([{"role": "function", "name": "f", "content": "Hi"}])") == "messages[0].role");
  CHECK(ParamOfMessages(R"([{"role": "user"}])") == "messages[0].content");
  CHECK(ParamOfMessages(R"([{"role": "user", "content": 5}])") == "messages[0].content");
  CHECK(ParamOfMessages(R"([{"role": "assistant", "content": null}])") == "messages[0].content");
  CHECK(ParamOfMessages(R"([{"role": "user", "content": [{"type": "text"}]}])") == "messages[0].content[0].text");
  CHECK(ParamOfMessages(R"([{"role": "user", "content": [{"type": "text", "text": "a"},
    {"type": "image_url", "image_url": {"url": "x"}}]}])") == "messages[0].content[1]");
  CHECK(ParamOfMessages(R"([{"role": "user", "content": [{"type": "input_audio"}]}])") == "messages[0].content[0]");
  CHECK(ParamOfMessages(R"([{"role": "assistant", "function_call": {"arguments": "{}"}}])") ==
        "messages[0].function_call.name");
  CHECK(
      ParamOfMessages(R"([{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "1", "content": "x"}])") ==
      "messages[1].role");
  CHECK(ParamOfMessages(R"([{"role": "assistant", "tool_calls": [{"id": "x", "function": {"arguments": "{}"}}]}])") ==
        "messages[0].tool_calls[0].function.name");
  CHECK(ParamOfMessages(R"([{"role": "assistant", "tool_calls": [{"type": "custom", "id": "x"}]}])") ==
        "messages[0].tool_calls[0].custom");
  CHECK(ParamOfMessages(R"([{"role": "assistant", "tool_calls": [{"type": "mcp", "id": "x"}]}])") ==
        "messages[0].tool_calls[0].type");
  CHECK(Refused("{}").param() == "messages");
  CHECK(Refused("{\"messages\": null}").code() == "missing_required_parameter");
}

TEST_CASE("unknown members anywhere are named") {
  const ChatRequest request = ParseChatRequest(R"({"messages": [{"role": "user", "content": [{"type": "text",
    "text": "x", "cache_control": {}}], "weight": 1}], "stream": true, "stream_options": {"x": 1}, "y": null})");
  CHECK(request.warnings.texts() ==
        std::vector<std::string>{"'messages[0].content[0].cache_control' is not known and has no effect",
                                 "'messages[0].weight' is not known and has no effect",
                                 "'stream_options.x' is not known and has no effect"});
}

TEST_CASE("tools keep their text") {
  const ChatRequest request = Parse(kTools + R"(, "parallel_tool_calls": false)");
  REQUIRE(request.tools.size() == 2);
  CHECK(request.tools[0].name == "get_weather");
  CHECK(request.tools[0].description == "Weather");
  CHECK(request.tools[0].strict);
  CHECK(request.tools[0].parameters ==
        R"({"type": "object", "properties": {"z": {"maximum": 12345678901234567890123}, "a": {}}})");
  CHECK(request.tools[1].parameters.empty());
  CHECK(request.tools[1].json == R"({"type": "function", "function": {"name": "now"}})");
  CHECK(request.tool_choice.mode == ToolChoice::Mode::kAuto);
  CHECK_FALSE(request.parallel_tool_calls);
  CHECK(json::parse(TemplateToolsJson(request.tools)).size() == 2);
}

TEST_CASE("tool choices") {
  const auto choice = [](const std::string& value) {
    return Parse(kTools + ", \"tool_choice\": " + value).tool_choice;
  };
  CHECK(choice("\"none\"").mode == ToolChoice::Mode::kNone);
  CHECK(choice("\"auto\"").mode == ToolChoice::Mode::kAuto);
  CHECK(choice("\"required\"").mode == ToolChoice::Mode::kRequired);
  const ToolChoice named = choice(R"({"type": "function", "function": {"name": "now"}})");
  CHECK(named.mode == ToolChoice::Mode::kRequired);
  CHECK(named.named);
  CHECK(named.allowed == std::vector<std::string>{"now"});
  const ToolChoice allowed = choice(R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
    {"type": "function", "function": {"name": "now"}}]}})");
  CHECK(allowed.mode == ToolChoice::Mode::kAuto);
  CHECK(allowed.allowed == std::vector<std::string>{"now"});
  CHECK(Parse(R"("tools": [], "tool_choice": "auto")").tool_choice.mode == ToolChoice::Mode::kNone);

  const ToolChoice flat = choice(R"({"type": "function", "name": "now"})");
  CHECK(flat.named);
  CHECK(flat.allowed == std::vector<std::string>{"now"});
  CHECK(choice(R"({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}]})")
            .allowed == std::vector<std::string>{"now"});
  CHECK(ParamOf(kTools + R"(, "tool_choice": {"type": "function", "name": "x"})") == "tool_choice.name");
  CHECK(ParamOf(kTools + R"(, "tool_choice": {"type": "function"})") == "tool_choice.function");

  CHECK(ParamOf(kTools + R"(, "tool_choice": "any")") == "tool_choice");
  CHECK(ParamOf(kTools + R"(, "tool_choice": {"type": "function", "function": {"name": "x"}})") ==
        "tool_choice.function.name");
  CHECK(ParamOf(R"("tool_choice": "required")") == "tool_choice");
  CHECK(ParamOf(R"("tool_choice": {"type": "function", "function": {"name": "x"}})") == "tool_choice");
  CHECK(ParamOf(kTools + R"(, "tool_choice": 5)") == "tool_choice");
}

TEST_CASE("tools in the other endpoint's form, and their names up to 256 characters") {
  const ChatRequest request = Parse(R"("tools": [{"type": "function", "name": "f", "parameters": {"a": 1.0}}])");
  CHECK(request.tools.at(0).name == "f");
  CHECK(request.tools[0].json == R"({"type": "function", "function": {"name": "f", "parameters": {"a": 1.0}}})");
  const auto named = [](size_t length) {
    return R"("tools": [{"type": "function", "function": {"name": ")" + std::string(length, 'f') + "\"}}]";
  };
  CHECK(Parse(named(256)).tools[0].name.size() == 256);
  CHECK(ParamOf(named(257)) == "tools[0].function.name");
}

TEST_CASE("a template sees a description and parameters of every tool") {
  const auto shown = [](const std::string& function) {
    return TemplateToolsJson(Parse(R"("tools": [{"type": "function", "function": )" + function + "}]").tools);
  };
  const auto whole = [](const std::string& function) {
    return R"([{"type": "function", "function": )" + function + "}]";
  };
  const std::string kEmpty = R"("parameters": {"type": "object", "properties": {}})";
  CHECK(shown(R"({"name": "f"})") == whole(R"({"name": "f", "description": "", )" + kEmpty + "}"));
  CHECK(shown(R"({"name": "f", "parameters": null, "description": null })") ==
        whole(R"({"name": "f", )" + kEmpty + R"(, "description": "" })"));
  CHECK(shown(R"({"description": "d", "name": "f", "parameters": {"properties": [ ], "x": 1.0}})") ==
        whole(R"({"description": "d", "name": "f", "parameters": {"properties": {}, "x": 1.0}})"));
  const std::string kWhole = R"({"name": "f", "parameters": {"type": "object"}, "description": "d"})";
  CHECK(shown(kWhole) == whole(kWhole));
}

TEST_CASE("a result or arguments that are null are empty") {
  const ChatRequest request = ParseChatRequest(R"({"messages": [{"role": "assistant", "content": null, "tool_calls": [
    {"id": "1", "type": "function", "function": {"name": "f", "arguments": null}}]},
    {"role": "tool", "tool_call_id": "1", "content": null}]})");
  CHECK(request.messages[0].tool_calls.at(0).arguments.empty());
  CHECK(request.messages[1].content.empty());
  CHECK(ParamOfMessages(R"([{"role": "tool", "tool_call_id": "1"}])") == "messages[0].content");
}

TEST_CASE("bad tools are refused by their path") {
  const auto param = [](const std::string& tools) { return ParamOf("\"tools\": " + tools); };
  CHECK(param("{}") == "tools");
  CHECK(param("[{}]") == "tools[0].type");
  CHECK(param(R"([{"type": "function"}])") == "tools[0].function");
  CHECK(param(R"([{"type": "function", "function": {"name": "a b"}}])") == "tools[0].function.name");
  CHECK(param(R"([{"type": "function", "function": {"name": ""}}])") == "tools[0].function.name");
  CHECK(param(R"([{"type": "function", "function": {"name": "f", "parameters": []}}])") ==
        "tools[0].function.parameters");
  CHECK(
      param(R"([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}])") ==
      "tools[1]");
}

TEST_CASE("output formats") {
  CHECK(Parse(R"("response_format": {"type": "text"})").format.kind == OutputFormat::Kind::kText);
  CHECK(Parse(R"("response_format": {"type": "json_object"})").format.kind == OutputFormat::Kind::kJsonObject);
  const OutputFormat schema = Parse(R"("response_format": {"type": "json_schema", "json_schema": {"name": "n",
    "description": "d", "strict": true, "schema": {"b": 1e2, "a": {}}}})")
                                  .format;
  CHECK(schema.kind == OutputFormat::Kind::kJsonSchema);
  CHECK(schema.source == R"({"b": 1e2, "a": {}})");
  CHECK(schema.name == "n");
  CHECK(schema.strict);
  CHECK(schema.param == "response_format.json_schema.schema");
  CHECK(Parse(R"("guided_regex": "[a-z]+")").format.kind == OutputFormat::Kind::kRegex);
  CHECK(Parse(R"("guided_choice": ["a", "b"])").format.choices == std::vector<std::string>{"a", "b"});
  CHECK(Parse(R"("guided_grammar": "root ::= \"x\"")").format.source == "root ::= \"x\"");
  CHECK(Parse(R"("guided_json": {"type":"string"})").format.source == R"({"type":"string"})");
  CHECK(Parse(R"("guided_json": "{\"type\": \"string\"}")").format.source == R"({"type": "string"})");
  CHECK(Parse(R"("structured_outputs": {"choice": ["a"]})").format.kind == OutputFormat::Kind::kChoice);

  CHECK(ParamOf(R"("response_format": {"type": "xml"})") == "response_format.type");
  CHECK(ParamOf(R"("response_format": {"type": "json_schema"})") == "response_format.json_schema");
  CHECK(ParamOf(R"("response_format": {"type": "json_schema", "json_schema": {"name": "n"}})") ==
        "response_format.json_schema.schema");
  CHECK(ParamOf(R"("response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}})") ==
        "response_format.json_schema.name");
  CHECK(ParamOf(R"("response_format": {"type": "json_object"}, "guided_regex": "x")") == "guided_regex");
  CHECK(ParamOf(R"("guided_choice": [])") == "guided_choice");
  CHECK(ParamOf(R"("guided_json": "no")") == "guided_json");
  CHECK(ParamOf(R"("structured_outputs": {"structural_tag": "x"})") == "structured_outputs.structural_tag");
}

TEST_CASE("forms under the names of other servers") {
  using Kind = OutputFormat::Kind;
  const struct {
    std::string members;
    Kind kind;
    std::string source;
    std::string param;
  } kCases[] = {{R"("json_schema": {"type": "null"})", Kind::kJsonSchema, R"({"type": "null"})", "json_schema"},
                {R"("format": {"type": "null"})", Kind::kJsonSchema, R"({"type": "null"})", "format"},
                {R"("format": "json")", Kind::kJsonObject, "", "format"},
                {R"("regex": "a+")", Kind::kRegex, "a+", "regex"},
                {R"("grammar": "root ::= \"x\"")", Kind::kGrammar, "root ::= \"x\"", "grammar"},
                {R"("ebnf": "root ::= \"x\"")", Kind::kGrammar, "root ::= \"x\"", "ebnf"},
                {R"("response_format": {"type": "json_object", "schema": {"type": "null"}})", Kind::kJsonSchema,
                 R"({"type": "null"})", "response_format.schema"},
                {R"("response_format": {"type": "json_schema", "schema": {"type": "null"}})", Kind::kJsonSchema,
                 R"({"type": "null"})", "response_format.schema"}};
  for (const auto& each : kCases) {
    CAPTURE(each.members);
    const ChatRequest request = Parse(each.members);
    CHECK(request.format.kind == each.kind);
    CHECK(request.format.source == each.source);
    CHECK(request.format.param == each.param);
    CHECK_FALSE(request.format.strict);
    CHECK(request.warnings.empty());
    if (!each.param.starts_with("response_format"))
      CHECK(ParamOf(R"("response_format": {"type": "json_object"}, )" + each.members) == each.param);
  }
  for (const char* name : {"json_schema", "format", "regex", "grammar", "ebnf"})
    CHECK(Parse('"' + std::string(name) + R"(": "")").format.kind == Kind::kText);
}

TEST_CASE("turns with several calls are split") {
  const ChatRequest request = ParseChatRequest(R"({"messages": [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "c", "tool_calls": [
      {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
      {"id": "2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
    {"role": "tool", "tool_call_id": "2", "content": "two"},
    {"role": "tool", "tool_call_id": "1", "content": "one"},
    {"role": "user", "content": "r"}]})");
  const std::vector<Message> split = SplitToolCalls(request.messages);
  std::string seen;
  for (const Message& message : split) {
    seen +=
        message.role[0] + (message.tool_calls.empty() ? message.content : message.tool_calls[0].name + message.content);
    seen += ' ';
    CHECK(message.tool_calls.size() <= 1);
  }
  CHECK(seen == "uq afc tone ag ttwo ur ");
}
