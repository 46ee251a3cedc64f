// Plays a load: who asks when, and what they say next.
#pragma once

#include <functional>
#include <vector>

#include "server/bench/traffic_plan.h"
#include "server/bench/traffic_sample.h"

namespace puna::server {

class RunClock;

// Asks for one answer and fills the sample, as Ask in bench_client.h does. Called by many threads.
using AskFunction = std::function<void(const std::vector<TrafficMessage>&, TrafficSample&,
                                       const std::function<void(size_t)>& on_piece)>;

// Plays the plan until it is done or the clock is at its end, and gives the requests that were
// sent, in the order of their sending. A session whose request failed says no more. `progress` is
// told how many requests have ended, one call at a time.
std::vector<TrafficSample> PlayTraffic(const TrafficPlan& plan, const RunClock& clock, const AskFunction& ask,
                                       const std::function<void(int)>& progress);

}  // namespace puna::server
