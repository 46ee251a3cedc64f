#include "engine/sampling/sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "engine/sampling/philox.h"
#include "engine/sampling/row_scans.h"

namespace puna::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> RandomLogits(size_t vocab, uint32_t seed, float deviation = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> x(vocab);
  for (float& v : x) v = normal(random);
  return x;
}

// The kept set by a full sort, in double: the plain reading of the order in sampler.h.
std::vector<TokenId> ReferenceKept(const std::vector<float>& x, const SamplingParams& params) {
  std::vector<TokenId> ids(x.size());
  for (size_t i = 0; i < x.size(); ++i) ids[i] = static_cast<TokenId>(i);
  std::sort(ids.begin(), ids.end(), [&](TokenId a, TokenId b) { return x[a] > x[b] || (x[a] == x[b] && a < b); });
  const double max = x[ids[0]];
  const auto weight = [&](TokenId id) { return std::exp((x[id] - max) / params.temperature); };
  std::erase_if(ids, [&](TokenId id) { return weight(id) < params.min_p; });
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < ids.size()) {
    const float kth = x[ids[params.top_k - 1]];
    std::erase_if(ids, [&](TokenId id) { return x[id] < kth; });
  }
  if (params.top_p < 1) {
    double total = 0, before = 0;
    for (const TokenId id : ids) total += weight(id);
    size_t kept = 0;
    while (kept < ids.size() && (kept == 0 || before < params.top_p * total)) before += weight(ids[kept++]);
    ids.resize(kept);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

TEST_CASE("philox gives the authors' known answers") {
  CHECK(Philox({0, 0, 0, 0}, {0, 0}) == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t kAll = 0xffffffff;
  CHECK(Philox({kAll, kAll, kAll, kAll}, {kAll, kAll}) ==
        std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("weights are exp to one in a million, at any place in a block and beside masked ids") {
  std::vector<float> x;
  for (int i = 0; i < 1000; ++i) x.push_back(-static_cast<float>(i) * 0.0853f);
  x.push_back(kMinusInfinity);
  x.push_back(-1e30f);
  std::vector<float> weights(x.size()), sums(ScanBlocks(x.size()));
  for (const Isa isa : AvailableIsas()) {
    const RowScans& scans = GetRowScans(isa);
    double expected_total = 0;
    const double total = scans.block_weights(x, 0, 1, weights, sums);
    for (int i = 0; i < 1000; ++i) {
      const double expected = std::exp(static_cast<double>(x[i]));
      expected_total += expected;
      CHECK(std::abs(weights[i] - expected) <= 1e-6 * expected);
      CHECK(weights[i] == scans.weight(x[i], 0, 1));
    }
    CHECK(weights[1000] == 0);
    CHECK(weights[1001] == 0);
    CHECK(std::abs(total - expected_total) <= 1e-6 * expected_total);
  }
}

TEST_CASE("all instruction sets scan to the same bits") {
  for (const size_t vocab : {1, 15, 64, 100, 4099}) {
    std::vector<float> x = RandomLogits(vocab, 11);
    if (vocab > 10) x[7] = kNan;
    const size_t blocks = ScanBlocks(vocab);
    std::vector<float> maxima(blocks), weights(vocab), sums(blocks);
    GetRowScans(Isa::kScalar).block_maxima(x, maxima);
    const double total = GetRowScans(Isa::kScalar).block_weights(x, 9, 0.7f, weights, sums);
    for (size_t b = 0; b < blocks; ++b) {
      float best = kMinusInfinity;
      for (size_t i = b * kScanBlock; i < std::min((b + 1) * kScanBlock, vocab); ++i) best = std::fmax(best, x[i]);
      CHECK(maxima[b] == best);
    }
    for (const Isa isa : AvailableIsas()) {
      std::vector<float> other_maxima(blocks), other_weights(vocab), other_sums(blocks);
      GetRowScans(isa).block_maxima(x, other_maxima);
      CHECK(GetRowScans(isa).block_weights(x, 9, 0.7f, other_weights, other_sums) == total);
      CHECK(other_maxima == maxima);
      CHECK(other_weights == weights);
      CHECK(other_sums == sums);
    }
  }
}

TEST_CASE("filters keep what a full sort keeps") {
  std::mt19937 random(7);
  for (const size_t vocab : {1, 2, 63, 64, 65, 1000, 40000, 128256}) {
    for (int round = 0; round < (vocab > 1000 ? 6 : 40); ++round) {
      std::vector<float> x = RandomLogits(vocab, random(), round % 3 == 0 ? 0.5f : 4.0f);
      if (round % 4 == 1) {
        for (float& v : x) v = std::round(v);  // many ties
      }
      SamplingParams params;
      params.temperature = std::array{0.3f, 0.8f, 1.0f, 1.7f}[random() % 4];
      if (random() % 2) params.top_k = 1 + static_cast<int>(random() % std::min<size_t>(vocab + 3, 700));
      if (random() % 2) params.top_p = std::array{0.05f, 0.5f, 0.9f}[random() % 3];
      if (random() % 3 == 0) params.min_p = std::array{0.001f, 0.05f, 0.3f, 1.0f}[random() % 4];
      Sampler sampler(static_cast<int>(vocab), DetectIsa());
      SampleTask task;
      task.params = &params;
      const Distribution d = sampler.DistributionOf(x, task);
      if (d.dense) continue;
      std::vector<TokenId> kept;
      for (const Candidate& c : d.candidates) kept.push_back(c.id);
      CHECK(std::is_sorted(kept.begin(), kept.end()));
      const std::vector<TokenId> expected = ReferenceKept(x, params);
      // Sums in float may put one id on the other side of top_p's limit.
      const size_t slack = params.top_p < 1 ? 1 + expected.size() / 2000 : 0;
      CAPTURE(vocab);
      CAPTURE(params.top_k);
      CAPTURE(params.top_p);
      CAPTURE(params.min_p);
      CHECK(std::max(kept.size(), expected.size()) - std::min(kept.size(), expected.size()) <= slack);
      if (kept.size() == expected.size()) CHECK(kept == expected);
    }
  }
}

TEST_CASE("draws follow the distribution, and only seed and position") {
  const std::vector<float> x = RandomLogits(200, 3, 1.5f);
  for (const float top_p : {1.0f, 0.8f}) {
    SamplingParams params;
    params.top_p = top_p;
    params.seed = 42;
    Sampler sampler(200, DetectIsa());
    SampleTask task;
    task.params = &params;
    const Distribution d = sampler.DistributionOf(x, task);
    std::vector<double> probability(200);
    for (size_t i = 0; i < d.weights.size(); ++i) probability[i] = d.weights[i] / d.total;
    for (const Candidate& c : d.candidates) probability[c.id] = c.weight / d.total;

    constexpr int kDraws = 100000;
    std::vector<int> drawn(200);
    for (int i = 0; i < kDraws; ++i) {
      task.position = i;
      const TokenId id = sampler.Sample(x, task).id;
      REQUIRE(id >= 0);
      ++drawn[id];
      if (i % 1000 == 0) {
        Sampler other(200, DetectIsa());
        CHECK(other.Sample(x, task).id == id);
      }
    }
    double chi_squared = 0;
    int cells = 0;
    for (int id = 0; id < 200; ++id) {
      const double expected = probability[id] * kDraws;
      if (expected == 0) CHECK(drawn[id] == 0);
      if (expected < 5) continue;
      chi_squared += (drawn[id] - expected) * (drawn[id] - expected) / expected;
      ++cells;
    }
    CHECK(cells > 20);
    CHECK(chi_squared < cells + 5 * std::sqrt(2.0 * cells));
  }
}

TEST_CASE("the end of the unit interval draws the last id that weighs anything") {
  // The draw walks weights in float and a total in double; whatever rounding does, ids of no weight never come.
  std::vector<float> x(70, kMinusInfinity);
  x[3] = 0;
  x[66] = 0;
  SamplingParams params;
  Sampler sampler(70, DetectIsa());
  SampleTask task;
  task.params = &params;
  int low = 0, high = 0;
  for (int i = 0; i < 1000; ++i) {
    task.position = i;
    const TokenId id = sampler.Sample(x, task).id;
    low += id == 3;
    high += id == 66;
  }
  CHECK(low + high == 1000);
  CHECK(low > 400);
  CHECK(high > 400);
}

class OnlyThese : public TokenConstraint {
 public:
  explicit OnlyThese(std::vector<TokenId> ids) : ids_(std::move(ids)) {}
  void MaskNext(std::span<uint64_t> allowed) override {
    std::fill(allowed.begin(), allowed.end(), 0);
    for (const TokenId id : ids_) allowed[id / 64] |= uint64_t{1} << (id % 64);
  }
  bool active() const override { return true; }
  void Accept(TokenId) override {}
  std::vector<TokenId> Forced() override { return {}; }
  int CountAccepted(std::span<const TokenId> ids) override { return static_cast<int>(ids.size()); }

 private:
  std::vector<TokenId> ids_;
};

TEST_CASE("a constraint and forbidden ids hold, greedy or drawn, whatever the bias says") {
  const std::vector<float> x = RandomLogits(300, 5);
  OnlyThese constraint({70, 71, 299});
  SamplingParams params;
  params.logit_bias = {{5, 100.0f}, {71, 50.0f}};
  const std::vector<TokenId> forbidden = {71};
  Sampler sampler(300, DetectIsa());
  SampleTask task;
  task.params = &params;
  task.constraint = &constraint;
  for (const float temperature : {0.0f, 1.0f}) {
    params.temperature = temperature;
    task.forbidden = {};
    CHECK(sampler.Sample(x, task).id == 71);
    task.forbidden = forbidden;
    for (int i = 0; i < 50; ++i) {
      task.position = i;
      const TokenId id = sampler.Sample(x, task).id;
      CHECK((id == 70 || id == 299));
    }
  }
}

TEST_CASE("no id may come: said, not guessed") {
  OnlyThese nothing({});
  Sampler sampler(300, DetectIsa());
  for (const float temperature : {0.0f, 1.0f}) {
    for (const float top_p : {1.0f, 0.5f}) {
      SamplingParams params;
      params.temperature = temperature;
      params.top_p = top_p;
      SampleTask task;
      task.params = &params;
      CHECK(sampler.Sample(std::vector<float>(300, kNan), task).id == kNoToken);
      task.constraint = &nothing;
      CHECK(sampler.Sample(RandomLogits(300, 1), task).id == kNoToken);
    }
  }
}

TEST_CASE("log-probabilities are of the raw logits, most likely first, ties by id") {
  std::vector<float> x(100, 0.0f);
  x[40] = 2;
  x[30] = 1;
  x[20] = 1;
  SamplingParams params;
  params.temperature = 0;
  params.logit_bias = {{7, 50.0f}};
  Sampler sampler(100, DetectIsa());
  SampleTask task;
  task.params = &params;
  task.num_logprobs = 4;
  const SampledToken sampled = sampler.Sample(x, task);
  CHECK(sampled.id == 7);
  REQUIRE(sampled.logprobs);
  const double log_total = std::log(97 + 2 * std::exp(1.0) + std::exp(2.0));
  CHECK(std::abs(sampled.logprobs->logprob + log_total) < 1e-6);
  REQUIRE(sampled.logprobs->top.size() == 4);
  CHECK(sampled.logprobs->top[0].id == 40);
  CHECK(sampled.logprobs->top[1].id == 20);
  CHECK(sampled.logprobs->top[2].id == 30);
  CHECK(sampled.logprobs->top[3].id == 0);
  CHECK(std::abs(sampled.logprobs->top[0].logprob - (2 - log_total)) < 1e-6);
}

}  // namespace
}  // namespace puna::engine
