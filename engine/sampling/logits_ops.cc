#include "engine/sampling/logits_ops.h"

#include <algorithm>

#include "engine/kernels/vec16.h"

namespace puna::engine {
namespace {

constexpr float kLowest = -86.0f;  // e^-86 is still a normal number

inline f32x16 WeightOf(f32x16 x, float max, float scale) {
  const f32x16 exponent = (x - max) * scale;
  return exponent > kLowest ? Exp(exponent) : f32x16{};
}

float MaxOf(const float* x, size_t n) {
  float best = kMinusInfinity;
  for (size_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

}  // namespace

void ApplyLogitBias(const SamplingParams& params, std::span<float> x) {
  for (const auto& [id, bias] : params.logit_bias) {
    if (id >= 0 && static_cast<size_t>(id) < x.size()) x[id] += bias;
  }
}

void ApplyPenalties(const SamplingParams& params, const TokenCounts& counts, std::span<float> x) {
  for (const TokenCounts::Entry& entry : counts.entries()) {
    if (entry.id < 0 || static_cast<size_t>(entry.id) >= x.size()) continue;
    float& logit = x[entry.id];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (entry.in_output == 0) continue;
    logit -= params.frequency_penalty * static_cast<float>(entry.in_output);
    logit -= params.presence_penalty;
  }
}

void ApplyMask(std::span<const uint64_t> allowed, std::span<float> x) {
  for (size_t word = 0; word < allowed.size(); ++word) {
    const uint64_t bits = allowed[word];
    if (bits == ~uint64_t{0}) continue;
    const size_t first = word * 64;
    const size_t end = std::min(first + 64, x.size());
    for (size_t i = first; i < end; ++i) {
      if (!(bits >> (i - first) & 1)) x[i] = kMinusInfinity;
    }
  }
}

void BlockMaxima(std::span<const float> x, std::span<float> maxima) {
  const size_t whole = x.size() / kScanBlock;
  for (size_t b = 0; b < whole; ++b) {
    const float* block = x.data() + b * kScanBlock;
    f32x16 best = Splat(kMinusInfinity);
    for (size_t i = 0; i < kScanBlock; i += 16) best = Max(Load(block + i), best);
    maxima[b] = MaxOf(best);
  }
  const size_t rest = x.size() % kScanBlock;
  if (rest > 0) maxima[whole] = MaxOf(x.data() + whole * kScanBlock, rest);
}

TokenId ArgMax(std::span<const float> x, std::span<const float> maxima) {
  const float best = MaxOf(maxima.data(), maxima.size());
  if (best == kMinusInfinity) return kNoToken;
  const size_t block = std::find(maxima.begin(), maxima.end(), best) - maxima.begin();
  return static_cast<TokenId>(std::find(x.begin() + block * kScanBlock, x.end(), best) - x.begin());
}

float Weight(float x, float max, float scale) { return WeightOf(Splat(x), max, scale)[0]; }

double BlockWeights(std::span<const float> x, float max, float scale, std::span<float> weights,
                    std::span<float> sums) {
  double total = 0;
  for (size_t first = 0; first < x.size(); first += kScanBlock) {
    const size_t end = std::min(first + kScanBlock, x.size());
    f32x16 sum{};
    for (size_t i = first; i < end; i += 16) {
      const size_t n = std::min<size_t>(16, end - i);
      f32x16 part = Splat(kMinusInfinity);
      std::memcpy(&part, &x[i], n * sizeof(float));
      part = WeightOf(part, max, scale);
      StorePart(&weights[i], part, n);
      sum += part;
    }
    total += sums[first / kScanBlock] = Sum(sum);
  }
  return total;
}

}  // namespace puna::engine
