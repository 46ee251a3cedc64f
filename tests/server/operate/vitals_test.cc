#include "server/operate/vitals.h"

#include <doctest/doctest.h>

#include <atomic>
#include <new>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/operate/probes.h"
#include "tests/server/service_fixture.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

HttpReply Get(const Router& router, const std::string& path) {
  HttpReply reply;
  const Router::Match match = router.Find("GET", path);
  REQUIRE(match.handler != nullptr);
  (*match.handler)({}, reply);
  return reply;
}

bool Becomes(const Router& router, const std::string& path, int status) {
  return Comes([&] { return Get(router, path).status == status; });
}

TEST_CASE("while the model loads, probes tell how far it is, and metrics are there") {
  Vitals vitals(std::chrono::seconds(60));
  Metrics metrics;
  const Router router = LoadingRouter(vitals, metrics);
  vitals.TellLoaded(0.37);
  CHECK(Get(router, "/health/live").status == 200);
  CHECK(Get(router, "/health").status == 503);
  const HttpReply ready = Get(router, "/health/ready");
  CHECK(ready.status == 503);
  CHECK(ready.body == R"({"status":"loading the model","progress":0.37})");
  CHECK(Get(router, "/metrics").body.find("puna_model_loaded_ratio 0.37\n") != std::string::npos);
  try {
    Get(router, "/v1/models");
    FAIL("expected a refusal");
  } catch (const api::ApiError& error) {
    CHECK(error.status() == 503);
    CHECK(error.code() == "model_loading");
    CHECK(error.message().find("37 %") != std::string::npos);
  }
}

TEST_CASE("who is about to leave lives and is not ready, and whoever keeps watch is told twice a second") {
  SetUpLog("off", "text");
  ServiceFixture f;
  Vitals vitals(std::chrono::seconds(60));
  Metrics metrics;
  Router router;
  AddProbes(vitals, metrics, router);
  std::atomic<int> ticks{0}, ready{0};
  vitals.OnTick([&](const Vitals::Report& report) {
    ready = report.ready;
    ++ticks;
  });
  vitals.TellServing(*f.service);
  CHECK(Comes([&] { return ticks >= 2 && ready == 1; }));
  vitals.TellLeaving();
  CHECK(Get(router, "/health/ready").status == 503);
  CHECK(Get(router, "/health/live").status == 200);
  CHECK(Comes([&] { return ready == 0; }));
  vitals.OnTick(nullptr);
}

TEST_CASE("a tick for which there is no memory is not the last") {
  SetUpLog("off", "text");
  Vitals vitals(std::chrono::seconds(60));
  std::atomic<int> ticks{0};
  vitals.OnTick([&](const Vitals::Report&) {
    if (++ticks <= 2) throw std::bad_alloc();
  });
  CHECK(Comes([&] { return ticks >= 4; }));
  vitals.OnTick(nullptr);
}

TEST_CASE("a step that hangs is noticed, and so is its end") {
  SetUpLog("off", "text");
  ServiceOptions options;
  Gate gate;
  options.before_step = [&] { gate.Pass(); };
  ServiceFixture f(options);
  Vitals vitals(std::chrono::seconds(3));  // an idle engine shows itself every other second
  Metrics metrics;
  Router router;
  AddProbes(vitals, metrics, router);
  vitals.TellServing(*f.service);
  CHECK(Becomes(router, "/health/live", 200));
  CHECK(Becomes(router, "/health/ready", 200));
  engine::Request request;
  request.prompt = {1};
  request.stop.max_new_tokens = 1;
  const std::optional<engine::TokenReader> reader = f.service->engine->Submit(std::move(request));
  REQUIRE(reader);
  CHECK(Becomes(router, "/health/live", 503));
  CHECK(Get(router, "/health/ready").body.find("hangs") != std::string::npos);
  CHECK(Get(router, "/metrics").body.find("puna_live 0\n") != std::string::npos);
  gate.Open();
  CHECK(Becomes(router, "/health/live", 200));
}

}  // namespace
}  // namespace puna::server
