// puna bench restart, disk-cost and give-up: what the KV cache on disk promises.
#pragma once

#include <vector>

#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_setup.h"

namespace puna::server {

// A prompt whose keys and values are computed, found in memory, and found on the disk by another engine, as after a restart.
std::vector<Figure> BenchRestart(const ScenarioOptions& options, const BenchProgress& progress);

// The same work with the disk cache on and off by turns, where nothing can be found.
std::vector<Figure> BenchDiskCost(const ScenarioOptions& options, const BenchProgress& progress);

// A client that leaves when a part of its long prompt is computed and asks again, before and after a restart.
std::vector<Figure> BenchGiveUp(const ScenarioOptions& options, const BenchProgress& progress);

}  // namespace puna::server
