// puna bench guess --text: prompt lookup while a known text is written.
#pragma once

#include <vector>

#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_setup.h"

namespace puna::server {

// options.text_file is written as a new text, and as a copy with one change of what is in the prompt.
std::vector<Figure> GuessText(const ScenarioOptions& options, const BenchProgress& progress);

}  // namespace puna::server
