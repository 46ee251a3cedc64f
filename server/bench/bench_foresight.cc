#include "server/bench/bench_foresight.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "server/bench/bench_context.h"

namespace puna::server {

double StepCosts::At(double num_rows) const {
  PUNA_CHECK(rows.size() > 1 && rows.size() == seconds.size());
  size_t above = 1;
  while (above + 1 < rows.size() && rows[above] < num_rows) ++above;
  const double share = (num_rows - rows[above - 1]) / (rows[above] - rows[above - 1]);
  return seconds[above - 1] + share * (seconds[above] - seconds[above - 1]);
}

StepCosts StepCosts::On(double cores, double memory) const {
  StepCosts there = *this;
  there.reading = reading / memory;
  for (double& s : there.seconds) s = there.reading + std::max(0.0, s - reading) / cores;
  return there;
}

StepCosts MeasureSteps(engine::Model& model) {
  constexpr int kRows[] = {1, 2, 4, 6, 8, 12, 16, 24};
  constexpr int kDepth = 64, kRuns = 7;
  SteppedModel stepped(model, kDepth + 32, kDepth);
  stepped.Fill();
  StepCosts costs;
  for (const int rows : kRows) {
    costs.rows.push_back(rows);
    costs.seconds.push_back(stepped.MedianStep(kDepth, rows, kRuns, rows));
  }
  if (const double bandwidth = model.ReadBandwidth(); bandwidth > 0)
    costs.reading = std::min(costs.seconds[0], static_cast<double>(model.weight_bytes()) / bandwidth);
  return costs;
}

Foreseen Foresee(double rate, const StepCosts& model, const Guessing& guessing) {
  Foreseen best;
  double tokens = 1, chance = 1;
  for (int guesses = 1; guesses <= guessing.most; ++guesses) {
    tokens += chance *= rate;
    double draft = 0;
    if (guessing.draft != nullptr)
      draft = guessing.one_pass ? guessing.draft->At(tokens + guesses - 1) : guesses * guessing.draft->At(1);
    const double speedup = tokens / ((model.At(guesses + 1) + draft) / model.At(1));
    if (speedup > best.speedup) best = {speedup, guesses};
  }
  return best;
}

}  // namespace puna::server
