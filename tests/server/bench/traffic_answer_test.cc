#include "server/bench/traffic_answer.h"

#include <doctest/doctest.h>

#include <stdexcept>

namespace puna::server {
namespace {

constexpr const char* kHead = R"({"choices":[{"delta":{"role":"assistant","content":""}}]})";
constexpr const char* kHello = R"({"choices":[{"delta":{"content":"Hello"}}]})";
constexpr const char* kWorld = R"({"choices":[{"delta":{"content":" world"}}],"usage":null})";
constexpr const char* kEnd = R"({"choices":[{"delta":{},"finish_reason":"stop"}]})";
constexpr const char* kUsage =
    R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}})";

TEST_CASE("a whole answer: times of its pieces, tokens from usage") {
  TrafficSample sample;
  TrafficAnswer answer(sample);
  CHECK_FALSE(answer.Take(kHead, 1));  // the role is no piece: the first token is still to come
  CHECK(answer.Take(kHello, 2));
  CHECK(answer.Take(kWorld, 3));
  CHECK_FALSE(answer.Take(kEnd, 4));
  CHECK(sample.output_tokens == 2);
  CHECK(sample.output_counted);
  CHECK_FALSE(answer.Take(kUsage, 5));
  CHECK_FALSE(answer.Take("[DONE]", 6));
  answer.End();
  CHECK(sample.error.empty());
  CHECK(sample.answer == "Hello world");
  CHECK(sample.chunk_s == std::vector<double>{2, 3});
  CHECK(sample.output_tokens == 5);
  CHECK_FALSE(sample.output_counted);
  CHECK(sample.prompt_tokens == 9);
  CHECK(sample.cached_tokens == 4);
}

TEST_CASE("reasoning and tool calls are pieces too") {
  TrafficSample sample;
  TrafficAnswer answer(sample);
  CHECK(answer.Take(R"({"choices":[{"delta":{"reasoning_content":"Hm"}}]})", 1));
  CHECK(answer.Take(R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})", 2));
  CHECK_FALSE(answer.Take(R"({"choices":[{"delta":{"tool_calls":[]}}]})", 3));
  CHECK(sample.answer.empty());
}

TEST_CASE("an answer whose first token ends it has its end as first token") {
  TrafficSample sample;
  TrafficAnswer answer(sample);
  answer.Take(kHead, 1);
  answer.Take(kEnd, 2);
  answer.End();
  CHECK(sample.error.empty());
  CHECK(sample.chunk_s == std::vector<double>{2});
  CHECK(sample.output_tokens == 0);
}

TEST_CASE("what goes wrong is named") {
  TrafficSample cut;
  TrafficAnswer cut_answer(cut);
  cut_answer.Take(kHello, 1);
  cut_answer.End();
  CHECK(cut.error == "cut off");

  TrafficSample failed;
  TrafficAnswer failed_answer(failed);
  failed_answer.Take(R"({"error":{"message":"out of tea"}})", 1);
  failed_answer.End();
  CHECK(failed.error == "error in the stream");
  CHECK(failed.error_detail == "out of tea");

  TrafficSample odd;
  TrafficAnswer odd_answer(odd);
  CHECK_THROWS_AS(odd_answer.Take("{", 1), std::runtime_error);
  for (const char* event :
       {"7", "[]", "\"x\"", R"({"choices":7})", R"({"choices":[7]})", R"({"usage":[]})",
        R"({"choices":[{"delta":{"content":7}}]})", R"({"usage":{"completion_tokens":-1,"prompt_tokens":1e99}})"}) {
    CAPTURE(event);
    CHECK_FALSE(odd_answer.Take(event, 1));
  }
  CHECK(odd.output_tokens == 0);
  CHECK_FALSE(odd.prompt_tokens);
}

TEST_CASE("errors speak in the server's words, whatever their shape") {
  CHECK(ErrorText(R"({"error":{"message":"no"}})") == "no");
  CHECK(ErrorText(R"({"error":"no"})") == "no");
  CHECK(ErrorText(R"({"message":"no"})") == "no");
  CHECK(ErrorText("<html>no") == "<html>no");
  CHECK(ErrorText(std::string(9999, 'x')).size() == 300);
}

}  // namespace
}  // namespace puna::server
