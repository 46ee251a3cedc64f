#include "api/endpoints/chat_response.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "api/endpoints/completion_response.h"
#include "api/endpoints/models_response.h"

using namespace puna::api;
using nlohmann::json;

namespace {

const ResponseHead kHead{"chatcmpl-1", 1700000000, "demo", "fp_1", ""};

PositionLogprobs Position(const std::string& bytes, double logprob) {
  return {{7, bytes, logprob}, true, {{7, bytes, logprob}, {8, "z", -INFINITY}}};
}

}  // namespace

TEST_CASE("a chat completion") {
  ChatChoice choice;
  choice.content = "Hello";
  choice.finish_reason = "stop";
  const std::string text = ChatCompletionJson(kHead, {choice}, {10, 4, 5, 1, 2});
  CHECK(
      text ==
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"demo","system_fingerprint":"fp_1",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,)"
      R"("finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,)"
      R"("prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":)"
      R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":1,"rejected_prediction_tokens":2}}})");
}

TEST_CASE("clients of functions get one function_call") {
  ChatChoice choice;
  choice.legacy = true;
  choice.tool_calls = {{"call_1", "f", "{}"}};
  choice.finish_reason = "tool_calls";
  const json answer = json::parse(ChatCompletionJson(kHead, {choice}, {}))["choices"][0];
  CHECK(answer["finish_reason"] == "function_call");
  CHECK(answer["message"]["function_call"] == json{{"name", "f"}, {"arguments", "{}"}});
  CHECK_FALSE(answer["message"].contains("tool_calls"));

  const ChatChunks chunks(kHead, false, false, /*legacy=*/true);
  const auto delta = [&](const OutputDelta& output) {
    return json::parse(chunks.Delta(0, output, nullptr))["choices"][0]["delta"];
  };
  CHECK(delta({"", {{0, "call_1", "f", ""}}}) == json{{"function_call", {{"name", "f"}, {"arguments", ""}}}});
  CHECK(delta({"", {{0, "", "", "{}"}}}) == json{{"function_call", {{"arguments", "{}"}}}});
  CHECK(json::parse(chunks.Finish(0, "tool_calls", nullptr))["choices"][0]["finish_reason"] == "function_call");
  CHECK(json::parse(chunks.Finish(0, "length", nullptr))["choices"][0]["finish_reason"] == "length");
}

TEST_CASE("a chat completion with calls and log-probabilities") {
  ChatChoice choice;
  choice.index = 1;
  choice.tool_calls = {{"call_1", "f", "{\"a\": 1}"}};
  choice.finish_reason = "tool_calls";
  choice.logprobs = {Position("\xe2\x82", -0.5)};
  const json parsed = json::parse(ChatCompletionJson(kHead, {choice}, {}));
  const json& message = parsed["choices"][0]["message"];
  CHECK(message["content"].is_null());
  CHECK(message["tool_calls"][0] ==
        json::parse(R"({"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}})"));
  const json& position = parsed["choices"][0]["logprobs"]["content"][0];
  CHECK(position["token"] == "\\xe2\\x82");
  CHECK(position["bytes"] == json::array({0xe2, 0x82}));
  CHECK(position["logprob"] == -0.5);
  CHECK(position["top_logprobs"][1]["token"] == "z");
  CHECK(position["top_logprobs"][1]["logprob"] == -9999.0);
  CHECK(parsed["choices"][0]["logprobs"]["refusal"].is_null());
  choice.logprobs = {Position("", -0.5)};
  const json textless = json::parse(ChatCompletionJson(kHead, {choice}, {}))["choices"][0]["logprobs"]["content"][0];
  CHECK(textless["bytes"].is_null());
  CHECK(textless["top_logprobs"][1]["bytes"] == json::array({'z'}));
  const json as_ids = json::parse(ChatCompletionJson(kHead, {choice}, {}, true));
  CHECK(as_ids["choices"][0]["logprobs"]["content"][0]["token"] == "token_id:7");
}

TEST_CASE("chunks of a chat stream") {
  ResponseHead head = kHead;
  head.service_tier = "default";
  const ChatChunks chunks(head, /*include_usage=*/true);
  CHECK(chunks.Role(2) ==
        R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"demo",)"
        R"("service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":2,"delta":{"role":"assistant",)"
        R"("content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null})");
  json chunk = json::parse(chunks.Delta(0, {"Hi", {}}, nullptr));
  CHECK(chunk["choices"][0]["delta"] == json::parse(R"({"content": "Hi"})"));
  // Never two entries of one call: openai-python's accumulator would lose the first one's id.
  chunk = json::parse(chunks.Delta(
      0, {"", {{0, "", "", "}"}, {1, "call_1", "f", ""}, {1, "", "", "{\"a"}, {1, "", "", "\":"}}}, nullptr));
  CHECK(chunk["choices"][0]["delta"]["tool_calls"] == json::parse(R"([{"index":0,"function":{"arguments":"}"}},
            {"index":1,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}])"));
  const std::vector<PositionLogprobs> logprobs = {Position("Hi", -1)};
  chunk = json::parse(chunks.Finish(0, "tool_calls", &logprobs));
  CHECK(chunk["choices"][0]["finish_reason"] == "tool_calls");
  CHECK(chunk["choices"][0]["delta"] == json::object());
  CHECK(chunk["choices"][0]["logprobs"]["content"].size() == 1);
  chunk = json::parse(chunks.UsageChunk({3, 0, 2, 0, 0}));
  CHECK(chunk["choices"] == json::array());
  CHECK(chunk["usage"]["total_tokens"] == 5);
  const ChatChunks bare({"chatcmpl-1", 1, "m", "", ""}, false);
  CHECK_FALSE(json::parse(bare.Role(0)).contains("usage"));
  CHECK_FALSE(json::parse(bare.Role(0)).contains("system_fingerprint"));
}

TEST_CASE("odd bytes never break a chunk") {
  const ChatChunks chunks(kHead, false);
  const std::string text = chunks.Delta(0, {"a\xff\xc3\x00z", {}}, nullptr);
  CHECK(json::accept(text));
}

TEST_CASE("a completion with echo and log-probabilities") {
  CompletionChoice choice;
  choice.text = "H\xc3\xa9!";
  choice.finish_reason = "length";
  PositionLogprobs first = Position("H", 0);
  first.has_logprob = false;
  choice.logprobs = {first, Position("\xc3", -1), Position("\xa9", -2), Position("!", -3)};
  const json parsed = json::parse(CompletionJson(kHead, {choice}, {}));
  CHECK(parsed["object"] == "text_completion");
  CHECK(parsed["choices"][0]["text"] == "H\xc3\xa9!");
  const json& logprobs = parsed["choices"][0]["logprobs"];
  CHECK(logprobs["tokens"] == json::array({"H", "bytes:\\xc3", "bytes:\\xa9", "!"}));
  CHECK(logprobs["token_logprobs"] == json::array({nullptr, -1.0, -2.0, -3.0}));
  CHECK(logprobs["text_offset"] == json::array({0, 1, 2, 2}));
  CHECK(logprobs["top_logprobs"][0].is_null());
  CHECK(logprobs["top_logprobs"][3] == json::parse(R"({"!": -3.0, "z": -9999.0})"));
}

TEST_CASE("chunks of a completion stream") {
  const CompletionChunks chunks(kHead, true);
  CompletionChoice choice;
  choice.text = "x";
  CHECK(
      chunks.Chunk(choice) ==
      R"({"id":"chatcmpl-1","object":"text_completion","created":1700000000,"model":"demo","system_fingerprint":"fp_1",)"
      R"("choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":null}],"usage":null})");
  CHECK(json::parse(chunks.UsageChunk({1, 0, 1, 0, 0}))["usage"]["total_tokens"] == 2);
}

TEST_CASE("models") {
  const ModelInfo demo{.id = "demo",
                       .created = 5,
                       .owned_by = "",
                       .max_model_len = 2048,
                       .trained_context = 4096,
                       .vocab_size = 600,
                       .hidden_size = 192,
                       .parameters = 2900000,
                       .bytes = 6000000};
  CHECK(
      ModelListJson({demo}) ==
      R"({"object":"list","data":[{"id":"demo","object":"model","created":5,"owned_by":"puna","max_model_len":2048,)"
      R"("root":"demo","parent":null,"type":"model","display_name":"demo","created_at":"1970-01-01T00:00:05Z","lifecycle":"active","deprecated_at":null,)"
      R"("retires_at":null,"line":null,"capabilities":null,"max_input_tokens":2048,"max_tokens":2048,)"
      R"("meta":{"vocab_type":2,"n_vocab":600,"n_ctx":2048,"n_ctx_train":4096,"n_embd":192,"n_params":2900000,"size":6000000}}],)"
      R"("has_more":false,"first_id":"demo","last_id":"demo"})");
  CHECK(json::parse(ModelJson({.id = "demo", .owned_by = "me"}))["owned_by"] == "me");
}
