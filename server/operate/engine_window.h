// GET /debug/engine: what the engine is doing, as server-sent events: one at once, then at most four a second until the client
// leaves or the server ends. The page shows it; server/README.md says what is in an event.
#pragma once

#include <string>

#include "server/generate/service.h"
#include "server/http/router.h"

namespace puna::server {

// `service` must outlive the router. With keys, it takes one like the rest of the API.
void AddEngineWindow(const Service& service, Router& router);

// What a client has been told already.
struct SeenOfEngine {
  uint64_t steps = 0;      // the number of the last one
  uint64_t evictions = 0;  // so many
};

// One event's JSON: with the steps and the evictions behind those that the client has seen.
std::string EngineViewJson(const engine::EngineView& view, const engine::EngineStats& stats, const SeenOfEngine& seen);

}  // namespace puna::server
