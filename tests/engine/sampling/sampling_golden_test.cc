// The 64 distributions of data/sampling.jsonl (exact, float64): kept sets, probabilities, greedy choice,
// log-probabilities.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/sampling/sampler.h"

namespace puna::engine {
namespace {

using nlohmann::json;

const std::string kData = std::string(PUNA_SOURCE_DIR) + "/tests/engine/sampling/data/";

// float32 [8, 512] in NumPy's format 1.0: the numbers are at the end.
std::vector<float> ReadRows() {
  std::ifstream file(kData + "logits512.npy", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<float> rows(8 * 512);
  REQUIRE(bytes.size() > rows.size() * sizeof(float));
  std::memcpy(rows.data(), bytes.data() + bytes.size() - rows.size() * sizeof(float), rows.size() * sizeof(float));
  return rows;
}

uint64_t SplitMix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::vector<float> MadeLogits(const json& spec) {
  std::vector<float> x(spec["vocab"].get<size_t>());
  const uint64_t seed = spec["seed"];
  for (uint64_t i = 0; i < x.size(); ++i) {
    const uint64_t h = SplitMix64((seed << 32) + i);
    const auto n = static_cast<int64_t>((h & 65535) + (h >> 16 & 65535) + (h >> 32 & 65535) + (h >> 48)) - 131070;
    x[i] = static_cast<float>(static_cast<double>(n * 64 + static_cast<int64_t>(SplitMix64(h) & 63)) / 1048576.0);
  }
  if (spec.contains("set")) {
    for (const json& pair : spec["set"]) x[pair[0].get<size_t>()] = pair[1].get<float>();
  }
  return x;
}

struct Case {
  std::vector<float> logits;
  SamplingParams params;
  TokenCounts counts;
  SampleTask task;
};

void Load(const json& golden, Case& c) {
  if (golden["logits"].contains("file")) {
    static const std::vector<float> rows = ReadRows();
    const size_t row = golden["logits"]["row"];
    c.logits.assign(rows.begin() + row * 512, rows.begin() + (row + 1) * 512);
  } else {
    c.logits = MadeLogits(golden["logits"]);
  }
  const json& params = golden["params"];
  c.params.temperature = params["temperature"];
  c.params.top_k = params["top_k"];
  c.params.top_p = params["top_p"];
  c.params.min_p = params["min_p"];
  c.params.repetition_penalty = params["repetition_penalty"];
  c.params.frequency_penalty = params["frequency_penalty"];
  c.params.presence_penalty = params["presence_penalty"];
  for (const auto& [id, bias] : params["logit_bias"].items()) c.params.logit_bias.emplace_back(std::stoi(id), bias);
  c.counts.AddPrompt(golden["prompt_ids"].get<std::vector<TokenId>>());
  for (const TokenId id : golden["output_ids"].get<std::vector<TokenId>>()) c.counts.AddOutput(id);
  c.task.params = &c.params;
  c.task.counts = &c.counts;
}

std::map<TokenId, double> Probabilities(const Case& c, const Distribution& d) {
  std::map<TokenId, double> p;
  if (d.dense) {
    for (size_t i = 0; i < d.weights.size(); ++i) {
      if (c.logits[i] > -INFINITY) p[static_cast<TokenId>(i)] = d.weights[i] / d.total;
    }
  }
  for (const Candidate& candidate : d.candidates) p[candidate.id] = candidate.weight / d.total;
  return p;
}

void CheckDistribution(const json& golden, const Case& c, Sampler& sampler) {
  const json& expected = golden["expected"];
  const auto p = Probabilities(c, sampler.DistributionOf(c.logits, c.task));
  const auto difference = std::abs(static_cast<int64_t>(p.size()) - expected["kept"].get<int64_t>());
  const int64_t allowed = golden.value("kept_may_differ_by", 0);
  CHECK(difference <= allowed);
  if (allowed == 0) {
    int64_t id_sum = 0;
    for (const auto& [id, probability] : p) id_sum += id;
    CHECK(id_sum == expected["kept_id_sum"].get<int64_t>());
  }
  double worst = 0;
  for (size_t i = 0; i < expected["ids"].size(); ++i) {
    const double want = expected["probs"][i];
    const auto it = p.find(expected["ids"][i].get<TokenId>());
    const double got = it == p.end() ? 0 : it->second;
    worst = std::max(worst, std::abs(got - want) / (1e-6 + 1e-4 * want));
  }
  CHECK(worst <= 1.0);
}

TEST_CASE("golden distributions") {
  std::ifstream file(kData + "sampling.jsonl");
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const json golden = json::parse(line);
    CAPTURE(golden["n"].get<int>());
    CAPTURE(golden["name"].get<std::string>());
    Case c;
    Load(golden, c);
    Sampler sampler(static_cast<int>(c.logits.size()), DetectIsa());

    if (c.params.temperature >= 1e-5f) CheckDistribution(golden, c, sampler);

    SamplingParams greedy_params = c.params;
    greedy_params.temperature = 0;
    SampleTask greedy = c.task;
    greedy.params = &greedy_params;
    greedy.num_logprobs = 5;
    const SampledToken sampled = sampler.Sample(c.logits, greedy);
    CHECK(sampled.id == golden["greedy"].get<TokenId>());

    REQUIRE(sampled.logprobs);
    REQUIRE(sampled.logprobs->top.size() == 5);
    for (size_t i = 0; i < 5; ++i) {
      const json& top = golden["raw_logprobs_top5"][i];
      const TokenLogprob& got = sampled.logprobs->top[i];
      CHECK(std::abs(got.logprob - top[1].get<double>()) <= 1e-5);
      CHECK(std::abs(sampler.LogprobsOf(c.logits, top[0], 0).logprob - top[1].get<double>()) <= 1e-5);
    }
  }
  CHECK(count == 64);
}

}  // namespace
}  // namespace puna::engine
