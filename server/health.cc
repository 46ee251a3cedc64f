// GET /health, /health/live and /health/ready. They ask the engine's counters and never wait for
// it.
#include <nlohmann/json.hpp>
#include <string_view>

#include "server/handlers.h"

namespace puna::server {
namespace {

// A step is a matter of milliseconds, of a few seconds for the largest prompts on the smallest
// machines.
constexpr double kHangSeconds = 120;

void Report(const engine::EngineStats& stats, bool healthy, const char* status, HttpReply& reply) {
  reply.status = healthy ? 200 : 503;
  reply.body = nlohmann::ordered_json{{"status", status},
                                      {"running", stats.running},
                                      {"waiting", stats.waiting},
                                      {"seconds_in_current_step", stats.seconds_in_current_step}}
                   .dump();
}

bool Hangs(const engine::EngineStats& stats) {
  return stats.seconds_in_current_step > kHangSeconds;
}

}  // namespace

void HealthLive(Service& service, const HttpRequest&, HttpReply& reply) {
  const engine::EngineStats stats = service.engine->stats();
  Report(stats, !Hangs(stats), Hangs(stats) ? "a step of the engine hangs" : "ok", reply);
}

void HealthReady(Service& service, const HttpRequest&, HttpReply& reply) {
  const engine::EngineStats stats = service.engine->stats();
  const char* status = Hangs(stats)       ? "a step of the engine hangs"
                       : service.stopping ? "shutting down"
                       : stats.max_waiting > 0 && stats.waiting >= stats.max_waiting
                           ? "the waiting line is full"
                           : "ok";
  Report(stats, std::string_view(status) == "ok", status, reply);
}

void Health(Service& service, const HttpRequest& request, HttpReply& reply) {
  HealthLive(service, request, reply);
}

}  // namespace puna::server
