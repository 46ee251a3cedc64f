// What guesses would gain on a machine that is not here, computed from costs that were measured on this one.
#pragma once

#include <vector>

#include "engine/model/model.h"

namespace puna::server {

// What a step of a model takes by its rows, each of which wants its logits. `reading` of it is one look at all weights, which no
// number of cores makes faster; the rest is spread over them.
struct StepCosts {
  std::vector<int> rows;  // rising
  std::vector<double> seconds;
  double reading = 0;

  double At(double num_rows) const;  // between measured ones on a line, and beyond the last on the last one's

  // With so many times the cores, and so many times the memory's speed.
  StepCosts On(double cores, double memory) const;
};

// Gives the model a new KV cache.
StepCosts MeasureSteps(engine::Model& model);

// How guesses are made, and how many at most.
struct Guessing {
  const StepCosts* draft = nullptr;  // null: they cost nothing to make
  bool one_pass = false;
  int most = 0;
};

struct Foreseen {
  double speedup = 1;
  int guesses = 0;  // in a step, as many as are best; 0: none pays
};

// Each guess comes true with the chance `rate` when those before it did. A cycle of K guesses takes a step of K + 1 rows and the
// draft's passes: one of each guess, or one over the last cycle's tokens and K - 1 masks.
Foreseen Foresee(double rate, const StepCosts& model, const Guessing& guessing);

}  // namespace puna::server
