#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "engine/base/exact_math.h"
#include "engine/sampling/logits_ops.h"
#include "engine/sampling/philox.h"

namespace puna::engine {
namespace {

constexpr float kGreedyBelow = 1e-5f;  // a lower temperature takes the largest
constexpr size_t kFirstGuess = 512;    // candidates that top-p is tried on before it looks at all ids

// The entry in which the cumulated weights pass `target`, counted from `target` downwards; rounding may let it run past
// the end: then the last that weighs anything.
template <typename WeightAt>
size_t Walk(size_t first, size_t end, double target, WeightAt weight_at) {
  size_t last = first;
  for (size_t i = first; i < end; ++i) {
    const double weight = weight_at(i);
    if (!(weight > 0)) continue;
    last = i;
    if (target < weight) break;
    target -= weight;
  }
  return last;
}

TokenId Draw(const Distribution& d, double uniform) {
  if (!(d.total > 0)) return kNoToken;
  double target = uniform * d.total;
  if (!d.dense) {
    return d.candidates[Walk(0, d.candidates.size(), target, [&](size_t i) { return d.candidates[i].weight; })].id;
  }
  const size_t block = Walk(0, d.block_sums.size(), target, [&](size_t b) { return d.block_sums[b]; });
  for (size_t b = 0; b < block; ++b) target -= d.block_sums[b];
  const size_t end = std::min((block + 1) * kScanBlock, d.weights.size());
  return static_cast<TokenId>(Walk(block * kScanBlock, end, target, [&](size_t i) { return d.weights[i]; }));
}

double TotalWeight(std::span<const Candidate> candidates) {
  double total = 0;
  for (const Candidate& c : candidates) total += c.weight;
  return total;
}

float MaxOf(std::span<const float> maxima) { return *std::max_element(maxima.begin(), maxima.end()); }

}  // namespace

Sampler::Sampler(int vocab_size, Isa isa)
    : scans_(GetRowScans(isa)),
      vocab_size_(static_cast<size_t>(vocab_size)),
      adjusted_(vocab_size_),
      maxima_(ScanBlocks(vocab_size_)),
      weights_(vocab_size_),
      sums_(ScanBlocks(vocab_size_)),
      allowed_((vocab_size_ + 63) / 64) {
  PUNA_CHECK(vocab_size > 0) << vocab_size;
}

SampledToken Sampler::Sample(std::span<const float> logits, const SampleTask& task) {
  const std::span<const float> x = Adjust(logits, task);
  scans_.block_maxima(x, maxima_);
  SampledToken sampled;
  if (task.params->temperature < kGreedyBelow) {
    sampled.id = ArgMax(x, maxima_);
  } else {
    sampled.id = Draw(Filter(x, *task.params), UniformAt(task.params->seed, task.position));
  }
  if (task.num_logprobs >= 0 && sampled.id != kNoToken) {
    sampled.logprobs = LogprobsOf(logits, sampled.id, task.num_logprobs);
  }
  return sampled;
}

Distribution Sampler::DistributionOf(std::span<const float> logits, const SampleTask& task) {
  const std::span<const float> x = Adjust(logits, task);
  scans_.block_maxima(x, maxima_);
  return Filter(x, *task.params);
}

// The row as the client's bias and penalties, the grammar and min_tokens leave it; the row itself when none applies.
std::span<const float> Sampler::Adjust(std::span<const float> logits, const SampleTask& task) {
  PUNA_CHECK(logits.size() == vocab_size_) << logits.size() << " logits, vocabulary of " << vocab_size_;
  const SamplingParams& params = *task.params;
  const bool penalties = task.counts != nullptr && NeedsTokenCounts(params);
  const bool constrained = task.constraint != nullptr && task.constraint->active();
  if (params.logit_bias.empty() && !penalties && !constrained && task.forbidden.empty()) return logits;

  std::copy(logits.begin(), logits.end(), adjusted_.begin());
  ApplyLogitBias(params, adjusted_);
  if (penalties) ApplyPenalties(params, *task.counts, adjusted_);
  for (const TokenId id : task.forbidden) {
    if (id >= 0 && static_cast<size_t>(id) < vocab_size_) adjusted_[id] = kMinusInfinity;
  }
  if (constrained) {
    std::fill(allowed_.begin(), allowed_.end(), ~uint64_t{0});
    task.constraint->MaskNext(allowed_);
    ApplyMask(allowed_, adjusted_);
  }
  return adjusted_;
}

Distribution Sampler::Filter(std::span<const float> x, const SamplingParams& params) {
  const float max = MaxOf(maxima_);
  if (!std::isfinite(max)) return {};
  const float scale = 1.0f / params.temperature;
  const bool top_k = params.top_k > 0 && static_cast<size_t>(params.top_k) < x.size();
  const bool top_p = params.top_p < 1.0f;
  const bool min_p = params.min_p > 0.0f;

  if (!top_k && !min_p) {
    if (top_p) return FilterByTopPAlone(x, max, params);
    return {.dense = true,
            .weights = weights_,
            .block_sums = sums_,
            .candidates = {},
            .total = scans_.block_weights(x, max, scale, weights_, sums_)};
  }

  // min-p says exp((x - max) / t) >= min_p, that is x >= max + t log(min_p): compared in double, where it is exact
  // enough.
  const double lowest =
      min_p ? max + static_cast<double>(params.temperature) * ExactLog(static_cast<double>(params.min_p))
            : static_cast<double>(kMinusInfinity);
  const float bound = top_k ? TopKBound(maxima_, params.top_k, scratch_) : kMinusInfinity;
  Gather(x, maxima_, std::max(bound, std::nextafter(static_cast<float>(lowest), kMinusInfinity)), candidates_);
  std::erase_if(candidates_, [lowest](const Candidate& c) { return c.logit < lowest; });
  if (top_k) KeepTopK(candidates_, params.top_k);
  for (Candidate& c : candidates_) c.weight = scans_.weight(c.logit, max, scale);
  if (top_p) KeepTopP(candidates_, params.top_p * TotalWeight(candidates_), selection_);
  return OverCandidates();
}

// The common case, and the one where every id counts: the sum of all weights says how much mass is wanted. It is nearly
// always within the first few hundred ids; only a flat distribution needs them all.
Distribution Sampler::FilterByTopPAlone(std::span<const float> x, float max, const SamplingParams& params) {
  const float scale = 1.0f / params.temperature;
  const double limit = params.top_p * scans_.block_weights(x, max, scale, weights_, sums_);
  Gather(x, maxima_, TopKBound(maxima_, kFirstGuess, scratch_), candidates_);
  const auto weigh = [this] {
    for (Candidate& c : candidates_) c.weight = weights_[c.id];
  };
  weigh();
  if (TotalWeight(candidates_) < limit) {
    Gather(x, maxima_, kMinusInfinity, candidates_);
    weigh();
  }
  KeepTopP(candidates_, limit, selection_);
  return OverCandidates();
}

Distribution Sampler::OverCandidates() const {
  return {
      .dense = false, .weights = {}, .block_sums = {}, .candidates = candidates_, .total = TotalWeight(candidates_)};
}

Logprobs Sampler::LogprobsOf(std::span<const float> logits, TokenId id, int num_top) {
  scans_.block_maxima(logits, maxima_);
  const float max = MaxOf(maxima_);
  const double total = scans_.block_weights(logits, max, 1.0f, weights_, sums_);
  const double log_total = total > 0 ? ExactLog(total) : static_cast<double>(kMinusInfinity);
  const auto logprob = [&](float x) { return static_cast<float>(static_cast<double>(x) - max - log_total); };

  Logprobs result;
  result.logprob = logprob(logits[id]);
  if (num_top <= 0) return result;
  Gather(logits, maxima_, TopKBound(maxima_, num_top, scratch_), candidates_);
  const size_t count = std::min<size_t>(num_top, candidates_.size());
  std::partial_sort(candidates_.begin(), candidates_.begin() + count, candidates_.end(), MoreLikely);
  for (size_t i = 0; i < count; ++i) result.top.push_back({candidates_[i].id, logprob(candidates_[i].logit)});
  return result;
}

}  // namespace puna::engine
