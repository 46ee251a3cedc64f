// How far one model's predictions are from another's.
#pragma once

#include <functional>
#include <vector>

#include "engine/model/model.h"

namespace puna::server {

struct Quality {
  int64_t tokens = 0;               // predicted
  double reference_perplexity = 0;  // of the text under the reference
  double perplexity = 0;            // under the candidate
  double mean_kl = 0;               // KL(reference || candidate) in nats, over the whole vocabulary
  double top1_agreement = 0;        // share of positions with the same likeliest token
};

// Runs both over the sequences, position by position. Both must have the same vocabulary, and a KV
// cache (ReserveFor).
Quality CompareModels(engine::Model& reference, engine::Model& candidate,
                      const std::vector<std::vector<engine::TokenId>>& sequences,
                      const std::function<void(double)>& progress);

// Gives the model a KV cache for one sequence of the longest's length.
void ReserveFor(engine::Model& model, const std::vector<std::vector<engine::TokenId>>& sequences);

// The most tokens that CompareModels gives a model in one step.
inline constexpr int kQualityChunk = 64;

}  // namespace puna::server
