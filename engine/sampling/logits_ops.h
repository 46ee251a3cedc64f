// Pure functions over one row of logits, [vocab] float32. Scans go in blocks of kScanBlock ids with a fixed order of
// additions, so a result depends on the row alone. A NaN never wins a comparison and weighs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "engine/base/token_id.h"
#include "engine/request/sampling_params.h"
#include "engine/request/token_counts.h"

namespace puna::engine {

inline constexpr size_t kScanBlock = 64;
inline constexpr size_t ScanBlocks(size_t vocab) { return (vocab + kScanBlock - 1) / kScanBlock; }
inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// x[id] += bias, for each pair. Ids beyond the vocabulary are skipped.
void ApplyLogitBias(const SamplingParams& params, std::span<float> x);

// Repetition, then frequency, then presence penalty, as vLLM defines them.
void ApplyPenalties(const SamplingParams& params, const TokenCounts& counts, std::span<float> x);

// -inf wherever the bit of the id (bit i % 64 of word i / 64) is clear.
void ApplyMask(std::span<const uint64_t> allowed, std::span<float> x);

// maxima[b] = the largest of block b, -inf if it has none. maxima: [ScanBlocks(x.size())].
void BlockMaxima(std::span<const float> x, std::span<float> maxima);

// The largest of x; ties: the lowest id. kNoToken when all are -inf or NaN.
TokenId ArgMax(std::span<const float> x, std::span<const float> maxima);

// exp((x - max) * scale) for max >= x and scale > 0; 0 below 1e-37. Relative error below 1e-6.
float Weight(float x, float max, float scale);

// weights[i] = Weight(x[i], max, scale); sums[b] = their sum in block b. Returns the sum of all.
double BlockWeights(std::span<const float> x, float max, float scale, std::span<float> weights,
                    std::span<float> sums);

}  // namespace puna::engine
