// puna bench window: what it costs the engine when somebody looks into it (GET /debug/engine).
#pragma once

#include <vector>

#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_setup.h"

namespace puna::server {

// Decodes `options.streams` streams, in turns with a watcher and without. Throws std::runtime_error.
std::vector<Figure> BenchWindow(const ScenarioOptions& options, const BenchProgress& progress);

}  // namespace puna::server
