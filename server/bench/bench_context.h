// A model without an engine, to time single steps at any depth of its cache.
#pragma once

#include <random>
#include <vector>

#include "engine/model/model.h"

namespace puna::server {

class SteppedModel {
 public:
  // Gives the cache room for num_tokens positions. `max_tokens`: of one step, as the model was loaded.
  SteppedModel(engine::Model& model, int num_tokens, int max_tokens);

  // Fills positions [0, num_tokens) of the cache: the first `max_tokens` by computing random ids, the others with
  // copies of those, since what stands there does not matter to time. Every byte is written, so that reading it costs
  // what it costs.
  void Fill();

  // Seconds of one step: `count` tokens of one sequence behind `depth` others, logits of the last num_logits.
  double Step(int depth, int count, int num_logits = 1);

  // The median of `runs` such steps.
  double MedianStep(int depth, int count, int runs, int num_logits = 1);

 private:
  engine::Model& model_;
  const int max_tokens_;
  std::vector<engine::BlockId> table_;
  std::mt19937 rng_{1};
};

}  // namespace puna::server
