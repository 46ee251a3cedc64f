// GET /health, /health/live, /health/ready and /metrics: answered whatever state the server is in.
#pragma once

#include "server/http/router.h"
#include "server/operate/metrics.h"
#include "server/operate/vitals.h"

namespace puna::server {

// Both must outlive the router.
//   /health/live   200 unless the engine gives no sign of life: restart the process
//   /health/ready  200 when requests will be taken now: the model is loaded, the waiting line has room, nobody stops us
//   /health        200 from the end of loading on, while live
//   /metrics       Prometheus' text format
void AddProbes(const Vitals& vitals, Metrics& metrics, Router& router);

// For the time of loading: the probes, and 503 with the progress for everything else.
Router LoadingRouter(const Vitals& vitals, Metrics& metrics);

}  // namespace puna::server
