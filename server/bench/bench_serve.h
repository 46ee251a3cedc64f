// puna bench serve: replays a load against a server, this one or another, and times its answers.
#pragma once

#include "config/option.h"
#include "server/bench/bench_client.h"
#include "server/bench/traffic_plan.h"

namespace puna::server {

struct ServeBenchOptions {
  BenchTarget target;
  TrafficOptions traffic;
  double timeout_s = 600;  // of the whole run
  bool json = false;
};

extern const char kServeBenchText[];  // for --help
const config::OptionTable<ServeBenchOptions>& ServeBenchTable();

// Prints a table or one JSON object. Returns the exit status: 1 when no request was answered.
int RunServeBench(ServeBenchOptions options);

}  // namespace puna::server
