#include "server/bench/bench_window.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <random>
#include <thread>

#include "engine/base/percentile.h"
#include "server/bench/bench_stream.h"
#include "server/operate/engine_window.h"

namespace puna::server {
namespace {

constexpr double kMs = 1e3;
constexpr std::chrono::milliseconds kTurn{1500};
constexpr std::chrono::milliseconds kInterval{250};  // of events, as the endpoint has it

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Watched {
  double picture_seconds = 0;  // of the engine's thread
  double event_seconds = 0;    // of a worker's processor time
  double bytes = 0;
  int events = 0;
};

// Looks for one turn, as a client of the endpoint does.
void Look(const engine::Engine& engine, Watched& watched) {
  const auto watch = engine.Watch();
  const auto end = std::chrono::steady_clock::now() + kTurn;
  const double before = engine.view().picture_seconds;
  SeenOfEngine seen;
  while (std::chrono::steady_clock::now() < end) {
    const double start = ThreadSeconds();
    const engine::EngineView view = engine.view();
    watched.bytes += static_cast<double>(EngineViewJson(view, engine.stats(), seen).size());
    watched.event_seconds += ThreadSeconds() - start;
    ++watched.events;
    seen = {view.steps, view.evictions};
    std::this_thread::sleep_for(kInterval);
  }
  watched.picture_seconds += engine.view().picture_seconds - before;
}

}  // namespace

std::vector<Figure> BenchWindow(const ScenarioOptions& o, const BenchProgress& progress) {
  config::EngineConfig config = o.engine;
  config.speculation = false;
  LoadedModel loaded = LoadForBench(config, progress);
  const int vocab = loaded.model->vocab_size();
  const int length = std::min(loaded.model->max_position(), 8192);
  const auto engine = StartForBench(config, std::move(loaded.model), o.streams, length);
  std::mt19937 rng(1);
  std::vector<std::unique_ptr<BenchStream>> streams;
  const auto keep_busy = [&] {  // a small model comes to the end of its context
    for (auto& stream : streams) {
      if (stream->Times().size() > static_cast<size_t>(length) / 2) stream.reset();
    }
    std::erase(streams, nullptr);
    while (std::ssize(streams) < o.streams)
      streams.push_back(std::make_unique<BenchStream>(*engine, BenchRequest(RandomIds(32, vocab, rng), length - 64)));
    for (const auto& stream : streams) stream->AwaitTokens(2);
  };
  std::vector<double> quiet, looked_at;
  Watched watched;
  for (int turn = 0; turn < 2 * o.turns; ++turn) {
    const bool looking = turn % 2 == 1;
    progress(std::string(looking ? "with" : "without") + " somebody who looks");
    keep_busy();
    const double from = SecondsNow();
    if (looking)
      Look(*engine, watched);
    else
      std::this_thread::sleep_for(kTurn);
    std::vector<std::vector<double>> times;
    for (const auto& stream : streams) times.push_back(stream->Times());
    (looking ? looked_at : quiet).push_back(engine::Median(GapsBetween(times, from, SecondsNow())));
  }
  const double looked_seconds = o.turns * std::chrono::duration<double>(kTurn).count();
  const double pictures = watched.picture_seconds / looked_seconds;
  const double events = watched.event_seconds / looked_seconds;
  return {{"quiet_step_ms", kMs * engine::Median(quiet), "a decode step while nobody looks, median of the turns"},
          {"looked_at_step_ms", kMs * engine::Median(looked_at), "while one client looks"},
          {"step_ratio", engine::Median(looked_at) / engine::Median(quiet),
           "looked at / quiet, noise of the machine included"},
          {"pictures_percent", 100 * pictures, "of the engine's thread that notes and pictures took, measured there"},
          {"events_percent", 100 * events, "of one processor that making events took"},
          {"event_bytes", watched.bytes / watched.events, "an event, mean"}};
}

}  // namespace puna::server
