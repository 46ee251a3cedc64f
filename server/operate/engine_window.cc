#include "server/operate/engine_window.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/json/error.h"
#include "engine/kv_cache/block_id.h"
#include "engine/kv_cache/prefix_miss.h"
#include "server/http/stream_writer.h"
#include "server/operate/process_status.h"

namespace puna::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kInterval{250};
constexpr int kMaxWatchers = 16;

// One letter for each BlockUse.
constexpr std::string_view kLetters = ".pPhsw";

// One word for each PrefixMiss.
constexpr std::array<const char*, engine::kNumPrefixMisses> kMisses = {"nothing",  "new",     "continued",
                                                                       "branched", "evicted", "barred"};

Json SequenceJson(const engine::SequenceView& s) {
  Json json = {{"number", s.number},
               {"state", s.running ? "running" : "waiting"},
               {"prompt_tokens", s.prompt_tokens},
               {"cached_tokens", s.cached_tokens},
               {"missed", s.admitted ? Json(kMisses[static_cast<size_t>(s.missed)]) : Json()},
               {"computed_tokens", s.computed_tokens},
               {"output_tokens", s.output_tokens},
               {"max_output_tokens", s.max_output_tokens},
               {"preemptions", s.preemptions},
               {"tenant", s.tenant},
               {"priority", s.priority}};
  if (s.running) return json;
  json["waits"] = engine::kWaitsNames[static_cast<size_t>(s.waits)];
  json["waits_for"] = s.has_waits_for ? Json(s.waits_for) : Json();
  return json;
}

Json SequencesJson(const engine::EngineView& view) {
  Json sequences = Json::array();
  for (int i = 0; i < view.num_sequences; ++i) sequences.push_back(SequenceJson(view.sequences[i]));
  return sequences;
}

double Milliseconds(double seconds) { return std::round(seconds * 1e5) / 100; }

// Those behind `after` that are still kept, oldest first.
Json StepsJson(const engine::EngineView& view, uint64_t after) {
  constexpr uint64_t kKept = engine::EngineView::kMaxSteps;
  Json steps = Json::array();
  const uint64_t oldest = view.steps > kKept ? view.steps - kKept + 1 : 1;
  for (uint64_t number = std::max(after + 1, oldest); number <= view.steps; ++number) {
    const engine::StepView& step = view.recent_steps[number % kKept];
    if (step.number != number) continue;  // nobody looked then
    steps.push_back({{"number", number},
                     {"prompt_rows", step.prompt_rows},
                     {"decode_rows", step.decode_rows},
                     {"sequences", step.sequences},
                     {"ms", Milliseconds(step.seconds)},
                     {"target_ms", Milliseconds(step.target_seconds)}});
  }
  return steps;
}

Json BlocksJson(const engine::EngineView& view, const engine::EngineStats& stats, uint64_t seen_evictions) {
  std::string cells;
  Json evicted = Json::array();
  for (int i = 0; i < view.num_cells; ++i) {
    cells += kLetters[static_cast<size_t>(view.cells[i])];
    if (view.last_eviction[i] > seen_evictions) evicted.push_back(i);
  }
  return {{"total", view.blocks},
          {"tokens_per_block", engine::kBlockSize},
          {"held", stats.blocks_used},
          {"cached", stats.blocks_cached},
          {"evictions", view.evictions},
          {"per_cell", view.blocks_per_cell},
          {"cells", cells},
          {"evicted", std::move(evicted)}};
}

Json PrefixJson(const engine::EngineStats& stats) {
  Json missed = Json::object();
  for (size_t i = 0; i < kMisses.size(); ++i) {
    if (i != static_cast<size_t>(engine::PrefixMiss::kNothing))
      missed[kMisses[i]] = stats.prefix_cache_missed_tokens[i];
  }
  return {{"asked_tokens", stats.prefix_cache_query_tokens},
          {"found_tokens", stats.prefix_cache_hit_tokens},
          {"missed_tokens", std::move(missed)}};
}

class EngineWindow : public ReplyTask {
 public:
  EngineWindow(const Service& service, std::shared_ptr<std::atomic<int>> watchers)
      : service_(service), watchers_(std::move(watchers)), watch_(service.engine->Watch()) {}
  ~EngineWindow() override { --*watchers_; }

  void Start(std::function<void()>) override {}

  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink& sink) override {
    if (sink.client_gone() || service_.stopping) return std::nullopt;
    const auto now = Clock::now();
    if (now < next_) return next_;
    const engine::EngineView view = service_.engine->view();
    if (first_) seen_.evictions = view.evictions;  // those of before were seen by nobody, and are long ago
    first_ = false;
    writer_.Data(EngineViewJson(view, service_.engine->stats(), seen_));
    seen_ = {view.steps, view.evictions};
    if (!writer_.Flush(sink)) return std::nullopt;
    next_ = now + kInterval;
    return next_;
  }

 private:
  const Service& service_;
  const std::shared_ptr<std::atomic<int>> watchers_;
  const std::shared_ptr<void> watch_;
  StreamWriter writer_{std::chrono::seconds(0)};
  Clock::time_point next_;
  bool first_ = true;
  SeenOfEngine seen_;
};

}  // namespace

std::string EngineViewJson(const engine::EngineView& view, const engine::EngineStats& stats, const SeenOfEngine& seen) {
  const std::optional<double> resident = StatusField("VmRSS");  // KiB
  const Json event = {{"steps", view.steps},
                      {"picture_seconds", view.picture_seconds},
                      {"running", stats.running},
                      {"waiting", stats.waiting},
                      {"preemptions", stats.preemptions},
                      {"generated_tokens", stats.generated_tokens},
                      {"sequences", SequencesJson(view)},
                      {"sequences_left_out", view.sequences_left_out},
                      {"tenants", view.tenants},
                      {"recent_steps", StepsJson(view, seen.steps)},
                      {"blocks", BlocksJson(view, stats, seen.evictions)},
                      {"prefix_cache", PrefixJson(stats)},
                      {"guesses", {{"made", stats.draft_tokens}, {"accepted", stats.accepted_draft_tokens}}},
                      {"memory", {{"resident_bytes", resident ? Json(*resident * 1024) : Json()}}},
                      {"energy", {{"busy_joules", stats.busy_joules}, {"idle_joules", stats.idle_joules}}}};
  return event.dump();
}

void AddEngineWindow(const Service& service, Router& router) {
  const auto watchers = std::make_shared<std::atomic<int>>(0);
  router.Add("GET", "/debug/engine", [&service, watchers](const HttpRequest&, HttpReply& reply) {
    if (++*watchers > kMaxWatchers) {
      --*watchers;
      throw api::ApiError(503, "server_error", "too_many_watchers",
                          std::to_string(kMaxWatchers) + " clients look at the engine already.");
    }
    reply.content_type = "text/event-stream";
    reply.headers["Cache-Control"] = "no-store";
    reply.headers["X-Accel-Buffering"] = "no";
    reply.stream = std::make_unique<EngineWindow>(service, watchers);
  });
}

}  // namespace puna::server
