#include "engine/sampling/logits_ops.h"

#include <algorithm>

#include "engine/sampling/row_scans.h"

namespace puna::engine {
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

TokenId ArgMax(std::span<const float> x, std::span<const float> maxima) {
  const float best = *std::max_element(maxima.begin(), maxima.end());
  if (best == kMinusInfinity) return kNoToken;
  const size_t block = std::find(maxima.begin(), maxima.end(), best) - maxima.begin();
  return static_cast<TokenId>(std::find(x.begin() + block * kScanBlock, x.end(), best) - x.begin());
}

}  // namespace puna::engine
