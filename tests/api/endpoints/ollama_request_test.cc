#include "api/endpoints/ollama_request.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/json/error.h"

using namespace puna::api;
using nlohmann::json;

namespace {

const json kChatBody = json::parse(R"({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})");

OllamaRequest Chat(const char* members) {
  json body = kChatBody;
  body.update(json::parse(members));
  return ParseOllamaChat(body.dump());
}
OllamaRequest Generate(const char* members) {
  json body = {{"model", "m"}, {"prompt", "Hi"}};
  body.update(json::parse(members));
  return ParseOllamaGenerate(body.dump());
}

template <typename Parse>
std::string ParamOf(Parse parse, const char* members) {
  try {
    parse(members);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  FAIL_CHECK("accepted: " << members);
  return {};
}

}  // namespace

TEST_CASE("the least has Ollama's defaults") {
  const OllamaRequest request = Chat("{}");
  CHECK(request.chat.streaming.stream);
  CHECK(request.chat.sampling.temperature == 0.8);
  CHECK(request.chat.sampling.top_k == 40);
  CHECK(request.chat.sampling.top_p == 0.9);
  CHECK_FALSE(request.chat.sampling.max_tokens.has_value());
  CHECK(request.truncate);
  CHECK_FALSE(request.only_load);
  CHECK(request.chat.warnings.empty());
}

TEST_CASE("options, with null for none and what only a server of its own would need") {
  const OllamaRequest request =
      Chat(R"({"options": {"temperature": 0, "top_k": 5, "top_p": 0.5, "min_p": 0.1, "seed": 7,
    "stop": ["a", ""], "num_predict": 9, "num_ctx": 8192, "repeat_penalty": 1.0, "repeat_last_n": 64, "num_gpu": 1,
    "num_thread": 4, "use_mmap": true, "presence_penalty": null, "typical_p": 1.0}, "keep_alive": "5m", "think": false,
    "stream": false, "tools": null})");
  const SamplingFields& fields = request.chat.sampling;
  CHECK(fields.temperature == 0);
  CHECK(fields.top_k == 5);
  CHECK(fields.min_p == 0.1);
  CHECK(fields.seed == 7);
  CHECK(fields.stop == std::vector<std::string>{"a"});
  CHECK(fields.max_tokens == 9);
  CHECK(request.num_ctx == 8192);
  CHECK_FALSE(request.chat.streaming.stream);
  CHECK_MESSAGE(request.chat.warnings.empty(), request.chat.warnings.HeaderValue());
  for (const char* bound : {R"({"options": {"num_predict": -1}})", R"({"options": {"num_predict": -2}})"})
    CHECK_FALSE(Chat(bound).chat.sampling.max_tokens.has_value());
  CHECK_FALSE(Chat(R"({"options": {"seed": -1}})").chat.sampling.seed.has_value());
  CHECK(Chat(R"({"options": {"mirostat": 1}})").chat.warnings.HeaderValue().find("options.mirostat") !=
        std::string::npos);
  CHECK(Chat(R"({"options": {"no_such": 1}})").chat.warnings.HeaderValue().find("options.no_such") !=
        std::string::npos);
}

TEST_CASE("a result finds its call by id, by name or by place") {
  const OllamaRequest request = Chat(R"({"messages": [{"role": "user", "content": "go", "images": null},
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "a", "arguments": {"x": 1}}},
      {"id": "own", "function": {"name": "b", "arguments": {}}}, {"function": {"name": "c", "arguments": {}}}]},
    {"role": "tool", "tool_name": "c", "content": "3"}, {"role": "tool", "tool_call_id": "own", "content": "2"},
    {"role": "tool", "content": "1"}, {"role": "tool", "content": "of nobody"}]})");
  const auto& messages = request.chat.messages;
  REQUIRE(messages.size() == 6);
  const auto& calls = messages[1].tool_calls;
  REQUIRE(calls.size() == 3);
  CHECK(json::parse(calls[0].arguments) == json{{"x", 1}});
  CHECK(messages[2].tool_call_id == calls[2].id);
  CHECK(messages[3].tool_call_id == "own");
  CHECK(messages[4].tool_call_id == calls[0].id);
  CHECK(messages[5].tool_call_id.empty());
}

TEST_CASE("the form of the answer") {
  CHECK(Chat(R"({"format": ""})").chat.format.kind == OutputFormat::Kind::kText);
  CHECK(Chat(R"({"format": "json"})").chat.format.kind == OutputFormat::Kind::kJsonObject);
  CHECK(Chat(R"({"format": {"type": "object"}})").chat.format.kind == OutputFormat::Kind::kJsonSchema);
  CHECK(Chat(R"({"logprobs": true})").chat.num_logprobs == 0);
  CHECK(Chat(R"({"logprobs": true, "top_logprobs": 3})").chat.num_logprobs == 3);
}

TEST_CASE("generate: a prompt with a system message, raw, or nothing") {
  const OllamaRequest plain = Generate(R"({"system": "Be short.", "context": [], "suffix": ""})");
  REQUIRE(plain.chat.messages.size() == 2);
  CHECK(plain.chat.messages[0].role == "system");
  CHECK(plain.chat.messages[1].content == "Hi");
  CHECK(Generate(R"({"raw": true})").prompt == "Hi");
  CHECK(Generate(R"({"prompt": ""})").only_load);
  CHECK(Generate(R"({"prompt": "", "keep_alive": 0})").unload);
  CHECK(ParseOllamaChat(R"({"model": "m"})").only_load);
}

TEST_CASE("what is wrong is refused by name") {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"model": null})", "model"},
      {R"({"messages": "Hi"})", "messages"},
      {R"({"messages": [{"role": "robot", "content": ""}]})", "messages[0].role"},
      {R"({"messages": [{"role": "user", "content": ["x"]}]})", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]})", "messages[0].images"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{}]}]})", "messages[0].tool_calls[0].function"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": 5}}]}]})",
       "messages[0].tool_calls[0].function.arguments"},
      {R"({"format": "yaml"})", "format"},
      {R"({"format": 5})", "format"},
      {R"({"think": true})", "think"},
      {R"({"think": "high"})", "think"},
      {R"({"keep_alive": {}})", "keep_alive"},
      {R"({"options": []})", "options"},
      {R"({"options": {"temperature": "hot"}})", "options.temperature"},
      {R"({"options": {"top_k": 1.5}})", "options.top_k"},
      {R"({"options": {"stop": 5}})", "options.stop"},
      {R"({"options": {"typical_p": 0.5}})", "options.typical_p"},
      {R"({"stream": "no"})", "stream"},
      {R"({"top_logprobs": 21})", "top_logprobs"},
  };
  for (const auto& each : wrong) CHECK_MESSAGE(ParamOf(Chat, each.first) == each.second, each.first);
  CHECK(ParamOf(Generate, R"({"suffix": "x"})") == "suffix");
  CHECK(ParamOf(Generate, R"({"template": "x"})") == "template");
  CHECK(ParamOf(Generate, R"({"context": [1]})") == "context");
  CHECK(ParamOf(Generate, R"({"images": ["x"]})") == "images");
  CHECK(ParamOf(Generate, R"({"raw": true, "system": "x"})") == "raw");
}

TEST_CASE("embeddings, and bodies that only name a model") {
  CHECK(ParseOllamaEmbed(R"({"model": "m", "input": ["a", "b"], "truncate": true})").inputs.size() == 2);
  CHECK(ParseOllamaEmbeddings(R"({"model": "m", "prompt": "a", "options": {}})").inputs.size() == 1);
  CHECK_THROWS_AS(ParseOllamaEmbed(R"({"model": "m", "input": []})"), ApiError);
  CHECK_THROWS_AS(ParseOllamaEmbed(R"({"model": "m", "input": [5]})"), ApiError);
  CHECK_THROWS_AS(ParseOllamaEmbeddings(R"({"model": "m"})"), ApiError);
  CHECK(ParseOllamaName(R"({"name": "m", "stream": false})").model == "m");
  CHECK_THROWS_AS(ParseOllamaName("{}"), ApiError);
}
