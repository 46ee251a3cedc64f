// Pure functions over one row of logits x, [vocab] float32: what a client's choices do to it, and its largest.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/token_id.h"
#include "engine/request/sampling_params.h"
#include "engine/request/token_counts.h"

namespace puna::engine {

// x[id] += bias, for each pair. Ids beyond the vocabulary are skipped.
void ApplyLogitBias(const SamplingParams& params, std::span<float> x);

// Repetition, then frequency, then presence penalty, as vLLM defines them.
void ApplyPenalties(const SamplingParams& params, const TokenCounts& counts, std::span<float> x);

// -inf wherever the bit of the id (bit i % 64 of word i / 64) is clear.
void ApplyMask(std::span<const uint64_t> allowed, std::span<float> x);

// The largest of x; ties: the lowest id. kNoToken when all are -inf or NaN. maxima: those of the blocks of x
// (RowScans).
TokenId ArgMax(std::span<const float> x, std::span<const float> maxima);

}  // namespace puna::engine
