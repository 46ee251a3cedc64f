#include "server/bench/traffic_player.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "engine/base/mutex.h"
#include "server/bench/bench_client.h"
#include "server/bench/thread_pool.h"

namespace puna::server {
namespace {

// So many pieces of its answer, and a stream counts as running.
constexpr size_t kRunningPieces = 8;

// Opens once so many streams are running.
class Gate {
 public:
  explicit Gate(int streams) : missing_(streams) {}

  void Count(int streams = 1) {
    const engine::MutexLock lock(mutex_);
    missing_ -= streams;
    if (missing_ <= 0) opened_.NotifyAll();
  }

  void Wait(const RunClock& clock) {
    engine::MutexLock lock(mutex_);
    const auto left = std::chrono::duration<double>(std::max(0.0, clock.Left()));
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(left);
    while (missing_ > 0 && opened_.WaitUntil(lock, deadline)) {
    }
  }

 private:
  engine::Mutex mutex_;
  engine::Condition opened_;
  int missing_ PUNA_GUARDED_BY(mutex_);
};

class Player {
 public:
  Player(const TrafficPlan& plan, const RunClock& clock, const AskFunction& ask,
         const std::function<void(int)>& progress)
      : plan_(plan),
        clock_(clock),
        ask_(ask),
        progress_(progress),
        streams_(std::min<int>(plan.parallel, static_cast<int>(plan.sessions.size()))),
        gate_(streams_) {}

  std::vector<TrafficSample> Play() {
    for (const TrafficSession& session : plan_.alone) PlaySession(session, false);
    if (plan_.parallel == 0) {
      PlayArrivals();
    } else {
      PlayTogether();
    }
    const engine::MutexLock lock(mutex_);  // all threads have ended; the lock costs nothing
    std::sort(samples_.begin(), samples_.end(),
              [](const TrafficSample& a, const TrafficSample& b) { return a.sent_s < b.sent_s; });
    return std::move(samples_);
  }

 private:
  // Each session at its time, whether or not those before have ended.
  void PlayArrivals() {
    ThreadPool pool(plan_.sessions.size());
    for (const TrafficSession& session : plan_.sessions) {
      const double pause = std::min(session.at_s - clock_.Now(), clock_.Left());
      if (pause > 0) std::this_thread::sleep_for(std::chrono::duration<double>(pause));
      if (!pool.Enqueue([this, &session] { PlaySession(session, false); })) {
        throw std::runtime_error(
            "the system gives no more threads: expected one for each request that runs; give a "
            "lower --rate or fewer --requests");
      }
    }
  }

  // So many sessions at once; the next begins where one ends.
  void PlayTogether() {
    std::atomic<size_t> next{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < streams_; ++i) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < plan_.sessions.size(); at = next++) PlaySession(plan_.sessions[at], true);
      });
    }
    for (const TrafficSession& session : plan_.among) {
      threads.emplace_back([this, &session] {
        gate_.Wait(clock_);
        PlaySession(session, false);
      });
    }
  }

  // Of the load: its streams open the gate.
  void PlaySession(const TrafficSession& session, bool of_the_load) {
    const int number = sessions_++;
    std::vector<TrafficMessage> messages = session.opening;
    for (size_t turn = 0; turn < session.turns.size() && clock_.Left() > 0; ++turn) {
      messages.push_back({"user", session.turns[turn]});
      TrafficSample sample;
      sample.kind = session.kind;
      sample.session = number;
      sample.turn = static_cast<int>(turn);
      bool counted = !of_the_load;
      ask_(messages, sample, [&](size_t pieces) {
        if (counted || pieces < kRunningPieces) return;
        counted = true;
        gate_.Count();
      });
      if (!counted) gate_.Count();  // too short, or failed: nobody shall wait for it
      const bool failed = !sample.error.empty();
      messages.push_back({"assistant", sample.answer.empty() ? "..." : sample.answer});
      Keep(std::move(sample));
      if (failed) return;
    }
  }

  void Keep(TrafficSample sample) {
    const engine::MutexLock lock(mutex_);
    samples_.push_back(std::move(sample));
    progress_(static_cast<int>(samples_.size()));
  }

  const TrafficPlan& plan_;
  const RunClock& clock_;
  const AskFunction& ask_;
  const std::function<void(int)>& progress_;
  const int streams_;
  Gate gate_;
  std::atomic<int> sessions_{0};
  engine::Mutex mutex_;
  std::vector<TrafficSample> samples_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace

std::vector<TrafficSample> PlayTraffic(const TrafficPlan& plan, const RunClock& clock, const AskFunction& ask,
                                       const std::function<void(int)>& progress) {
  return Player(plan, clock, ask, progress).Play();
}

}  // namespace puna::server
