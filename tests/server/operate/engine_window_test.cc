#include "server/operate/engine_window.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "api/json/error.h"
#include "engine/kv_cache/prefix_miss.h"
#include "server/host/log.h"
#include "tests/server/service_fixture.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

using nlohmann::json;

HttpReply Look(const Router& router) {
  HttpReply reply;
  (*router.Find("GET", "/debug/engine").handler)({}, reply);
  return reply;
}

std::vector<json> EventsOf(const std::string& text) {
  std::vector<json> events;
  for (size_t begin = 0, end; (end = text.find("\n\n", begin)) != text.npos; begin = end + 2)
    events.push_back(json::parse(text.substr(begin + 6, end - begin - 6)));
  return events;
}

TEST_CASE("who looks gets a picture at once, and more while it stays") {
  ServiceFixture f;
  Router router;
  AddEngineWindow(*f.service, router);
  HttpReply reply = Look(router);
  CHECK(reply.content_type == "text/event-stream");
  MemorySink sink(/*limit=*/3);
  Finish(reply, sink);
  const auto events = EventsOf(sink.text);
  REQUIRE(events.size() == 3);
  CHECK(events[0]["running"] == 0);
  CHECK(events[0]["memory"]["resident_bytes"] > 1 << 20);
  CHECK(events[0]["energy"].contains("busy_joules"));
}

TEST_CASE("the map of blocks is there before the first step") {
  ServiceFixture f;
  Router router;
  AddEngineWindow(*f.service, router);
  HttpReply reply = Look(router);
  MemorySink sink(/*limit=*/1);
  Finish(reply, sink);
  const json event = EventsOf(sink.text).at(0);
  CHECK(event["steps"] == 0);
  CHECK(event["blocks"]["cells"] == std::string(256, '.'));
  CHECK(event["blocks"]["evicted"].empty());
}

TEST_CASE("the stream ends with the server") {
  ServiceFixture f;
  Router router;
  AddEngineWindow(*f.service, router);
  f.service->stopping = true;
  HttpReply reply = Look(router);
  MemorySink sink;
  Finish(reply, sink);
  CHECK(sink.text.empty());
}

TEST_CASE("so many may look, and a place is free again when one leaves") {
  ServiceFixture f;
  Router router;
  AddEngineWindow(*f.service, router);
  std::vector<HttpReply> replies(16);
  for (HttpReply& reply : replies) reply = Look(router);
  CHECK_THROWS_AS(Look(router), api::ApiError);
  replies.pop_back();
  CHECK_NOTHROW(Look(router));
}

TEST_CASE("an event holds the steps that its client has not seen, and the map as letters") {
  engine::EngineView view;
  view.steps = 200;
  for (uint64_t n = 150; n <= 200; ++n)
    view.recent_steps[n % engine::EngineView::kMaxSteps] = {
        .number = n, .prompt_rows = 3, .decode_rows = 2, .sequences = 3, .seconds = 0.0123F, .target_seconds = 0.05F};
  view.blocks = view.num_cells = 6;
  using Use = engine::BlockUse;
  view.cells = {Use::kEmpty, Use::kProbation, Use::kProtected, Use::kHeld, Use::kShared, Use::kWritten};
  view.num_sequences = 2;
  view.sequences[0] = {.number = 7,
                       .running = true,
                       .prompt_tokens = 5,
                       .cached_tokens = 4,
                       .tenant = 1,
                       .admitted = true,
                       .missed = engine::PrefixMiss::kBranched};
  view.tenants = 2;
  view.sequences[1] = {
      .number = 9, .tenant = 2, .priority = -3, .waits = engine::Waits::kPrefix, .waits_for = 7, .has_waits_for = true};
  view.evictions = 9;
  view.last_eviction = {0, 7, 0, 9, 8, 0};
  engine::EngineStats stats;
  stats.prefix_cache_missed_tokens = {1, 2, 3, 4, 5, 6};
  json event = json::parse(EngineViewJson(view, stats, {.steps = 197, .evictions = 7}));
  CHECK(event["blocks"]["evictions"] == 9);
  CHECK(event["blocks"]["evicted"] == json{3, 4});
  CHECK(event["prefix_cache"]["missed_tokens"] ==
        json{{"new", 2}, {"continued", 3}, {"branched", 4}, {"evicted", 5}, {"barred", 6}});
  CHECK(event["sequences"][0]["missed"] == "branched");
  CHECK(event["sequences"][1]["missed"].is_null());  // nobody has looked yet
  CHECK(event["blocks"]["cells"] == ".pPhsw");
  CHECK(event["sequences"][0]["number"] == 7);
  CHECK(event["sequences"][0]["cached_tokens"] == 4);
  CHECK_FALSE(event["sequences"][0].contains("waits"));
  CHECK(event["tenants"] == 2);
  CHECK(event["sequences"][1]["tenant"] == 2);
  CHECK(event["sequences"][1]["priority"] == -3);
  CHECK(event["sequences"][1]["waits"] == "prefix");
  CHECK(event["sequences"][1]["waits_for"] == 7);
  REQUIRE(event["recent_steps"].size() == 3);
  CHECK(event["recent_steps"][0] ==
        json::parse(
            R"({"number": 198, "prompt_rows": 3, "decode_rows": 2, "sequences": 3, "ms": 12.3, "target_ms": 50.0})"));
  event = json::parse(EngineViewJson(view, {}, {}));
  CHECK(event["recent_steps"].size() == 51);  // nobody looked before
  view.steps = 0;
  CHECK(json::parse(EngineViewJson(view, {}, {}))["recent_steps"].empty());
}

}  // namespace
}  // namespace puna::server
