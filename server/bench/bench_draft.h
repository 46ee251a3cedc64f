// puna bench guess --accept: what guesses would gain if so many of them came true, measured without trained weights.
#pragma once

#include <vector>

#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_setup.h"

namespace puna::server {

// For each of options.accept: a text of random ids written alone and with guesses, each of which is right with that chance
// when those before it are. With --draft-model that model computes each guess, which is then replaced; without, guesses
// cost nothing to make. How much is guessed is chosen as in serving. Figures are medians of options.rounds.
std::vector<Figure> GuessAtRates(const ScenarioOptions& options, const BenchProgress& progress);

}  // namespace puna::server
