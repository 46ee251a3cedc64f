#include "api/endpoints/ollama_response.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace puna::api;
using nlohmann::json;

namespace {

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  CHECK((text.empty() || text.back() == '\n'));
  return lines;
}

const Usage kUsage = {.prompt_tokens = 26, .cached_tokens = 16, .completion_tokens = 12};
const OllamaTimes kTimes = {0.812, 0.001, 0.5, 0.3};

}  // namespace

TEST_CASE("chat: text line by line, then how it went") {
  OllamaBuilder builder("llama3.2", false);
  const auto first = Lines(builder.Add({"Pa", {}}, nullptr));
  REQUIRE(first.size() == 1);
  CHECK(first[0]["model"] == "llama3.2");
  CHECK(first[0]["message"] == json{{"role", "assistant"}, {"content", "Pa"}});
  CHECK(first[0]["done"] == false);
  CHECK(builder.Add({}, nullptr).empty());
  builder.Add({"ris", {}}, nullptr);
  const auto end = Lines(builder.Finish("stop", kUsage, kTimes));
  REQUIRE(end.size() == 1);
  CHECK(end[0]["message"]["content"] == "");
  CHECK(end[0]["done"] == true);
  CHECK(end[0]["done_reason"] == "stop");
  CHECK(end[0]["total_duration"] == 812000000);
  CHECK(end[0]["prompt_eval_count"] == 26);
  CHECK(end[0]["eval_count"] == 12);
  CHECK(end[0]["eval_duration"] == 300000000);
  CHECK(json::parse(builder.Json())["message"]["content"] == "Paris");
}

TEST_CASE("calls come whole, with their arguments as an object; one that was cut does not come") {
  OllamaBuilder builder("m", false);
  CHECK(builder.Add({"", {{0, "call_1", "look", "{\"q\""}}}, nullptr).empty());
  const auto second = Lines(builder.Add({"", {{0, "", "", ": 1}"}, {1, "call_2", "now", "{}"}}}, nullptr));
  REQUIRE(second.size() == 1);
  const json& call = second[0]["message"]["tool_calls"][0];
  CHECK(call["id"] == "call_1");
  CHECK(call["function"]["name"] == "look");
  CHECK(call["function"]["arguments"] == json{{"q", 1}});
  CHECK(call["function"]["index"] == 0);
  const auto third = Lines(builder.Add({"", {{2, "call_3", "cut", "{\"a"}}}, nullptr));
  REQUIRE(third.size() == 1);
  CHECK(third[0]["message"]["tool_calls"][0]["function"]["index"] == 1);
  const auto end = Lines(builder.Finish("length", kUsage, kTimes));
  CHECK(end.back()["done_reason"] == "length");
  const json calls = json::parse(builder.Json())["message"]["tool_calls"];
  REQUIRE(calls.size() == 2);
  CHECK(calls[1]["function"]["index"] == 1);
}

TEST_CASE("generate says response; empty lines and errors are lines, too") {
  OllamaBuilder builder("m", true);
  CHECK(Lines(builder.Add({"x", {}}, nullptr))[0]["response"] == "x");
  const json empty = Lines(builder.EmptyLine()).at(0);
  CHECK(empty["response"] == "");
  CHECK(empty["done"] == false);
  CHECK(Lines(OllamaBuilder::ErrorLine("no\n\xff")).at(0)["error"].is_string());
  CHECK(Lines(builder.Finish("load", {}, {})).at(0)["eval_duration"] == 0);
}

TEST_CASE("log-probabilities stand with their text") {
  OllamaBuilder builder("m", false);
  std::vector<PositionLogprobs> scores(1);
  scores[0].token = {5, "x", -0.5};
  CHECK(Lines(builder.Add({"x", {}}, &scores))[0]["logprobs"][0]["token"] == "x");
  builder.Finish("stop", kUsage, kTimes);
  CHECK(json::parse(builder.Json())["logprobs"].size() == 1);
}

TEST_CASE("lists have what strict clients read, and names have tags") {
  OllamaModel model;
  model.name = "org/Llama";
  model.created = 1764000000;
  model.size = 5;
  model.digest = std::string(64, 'a');
  model.parameters = 3212749888;
  model.quantization = "bf16";
  model.end_text = "<|eot_id|>";
  model.tools = true;
  model.context_length = 4096;
  const json entry = json::parse(OllamaTags({model}))["models"][0];
  CHECK(entry["name"] == "org/Llama:latest");
  CHECK(entry["model"] == entry["name"]);
  CHECK(entry["modified_at"] == "2025-11-24T16:00:00Z");
  CHECK(entry["details"]["parameter_size"] == "3.2B");
  CHECK(json::parse(OllamaPs({model}))["models"][0]["context_length"] == 4096);
  const json show = json::parse(OllamaShow(model, "llama"));
  CHECK(show["model_info"]["llama.context_length"] == 4096);
  CHECK(show["model_info"]["general.basename"] == "llama");
  CHECK(show["parameters"] == "stop \"<|eot_id|>\"");
  CHECK(show["capabilities"] == json{"completion", "embedding", "tools"});
  CHECK(json::parse(OllamaEmbedJson({{1, 0}}, "m", 3, 0.5))["embeddings"][0].size() == 2);
  CHECK(json::parse(OllamaEmbeddingsJson({}))["embedding"] == json::array());
}
