#include "server/operate/probes.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "api/json/error.h"

namespace puna::server {
namespace {

constexpr int kRetryLoadingSeconds = 5;

void Reply(const Vitals::Report& report, bool healthy, HttpReply& reply) {
  reply.status = healthy ? 200 : 503;
  nlohmann::ordered_json body = {{"status", healthy ? "ok" : report.status}};
  if (!report.stats) {
    body["status"] = report.status;
    body["progress"] = std::round(report.loaded * 100) / 100;
  } else {
    body["running"] = report.stats->running;
    body["waiting"] = report.stats->waiting;
    body["seconds_in_current_step"] = report.stats->seconds_in_current_step;
    body["seconds_since_heartbeat"] = report.stats->seconds_since_beat;
  }
  reply.headers["Cache-Control"] = "no-store";
  reply.body = body.dump();
}

[[noreturn]] void RefuseWhileLoading(const Vitals& vitals) {
  const Vitals::Report report = vitals.Ask();
  const std::string doing = report.status == "fetching the model" ? "fetched" : "loaded";
  throw api::ApiError(
      503, "server_error", "model_loading",
      "The model is being " + doing + " (" + std::to_string(static_cast<int>(report.loaded * 100)) + " %).")
      .WithRetryAfter(kRetryLoadingSeconds);
}

}  // namespace

void AddProbes(const Vitals& vitals, Metrics& metrics, Router& router) {
  for (const char* path : {"/health", "/v1/health"}) {
    router.Add("GET", path, [&vitals](const HttpRequest&, HttpReply& reply) {
      const Vitals::Report report = vitals.Ask();
      Reply(report, report.live && report.stats, reply);
    });
  }
  router.Add("GET", "/health/live", [&vitals](const HttpRequest&, HttpReply& reply) {
    const Vitals::Report report = vitals.Ask();
    Reply(report, report.live, reply);
  });
  router.Add("GET", "/health/ready", [&vitals](const HttpRequest&, HttpReply& reply) {
    const Vitals::Report report = vitals.Ask();
    Reply(report, report.ready, reply);
  });
  router.Add("GET", "/metrics", [&vitals, &metrics](const HttpRequest&, HttpReply& reply) {
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = metrics.Text(vitals);
  });
}

Router LoadingRouter(const Vitals& vitals, Metrics& metrics) {
  Router router;
  AddProbes(vitals, metrics, router);
  for (const char* method : {"GET", "POST", "DELETE"}) {
    router.Add(method, "/*", [&vitals](const HttpRequest&, HttpReply&) { RefuseWhileLoading(vitals); });
  }
  return router;
}

}  // namespace puna::server
