#include "engine/base/thread_team.h"

#include <chrono>

#include "engine/base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace puna::engine {
namespace {

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Spins while `atomic` holds `value`, for about `limit`; then sleeps. Returns the new value.
uint32_t AwaitChange(std::atomic<uint32_t>& atomic, uint32_t value, std::chrono::microseconds limit) {
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t spins = 0;; ++spins) {
    const uint32_t now = atomic.load(std::memory_order_acquire);
    if (now != value) return now;
    Pause();
    if (spins % 64 == 63 && std::chrono::steady_clock::now() - start > limit) break;
  }
  atomic.wait(value, std::memory_order_acquire);
  return atomic.load(std::memory_order_acquire);
}

// Long enough to bridge the serial work between two parallel regions of a step, short enough that a machine with more
// threads than cores does not burn them.
constexpr std::chrono::microseconds kSpin{60};

constexpr uint32_t kOpen = 1u << 31;

}  // namespace

ThreadTeam::ThreadTeam(int num_threads) {
  PUNA_CHECK(num_threads >= 1) << num_threads;
  workers_.reserve(num_threads - 1);
  for (int thread = 1; thread < num_threads; ++thread) {
    workers_.emplace_back([this, thread] { Work(thread); });
  }
}

ThreadTeam::~ThreadTeam() {
  stopping_.store(true);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::Open(int64_t num_tasks, Function function, const void* context) {
  function_ = function;
  context_ = context;
  num_tasks_ = num_tasks;
  failed_.store(false, std::memory_order_relaxed);
  next_task_.store(0, std::memory_order_relaxed);
  state_.store(kOpen, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
}

void ThreadTeam::TakeTasks(int thread) {
  for (;;) {
    const int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= num_tasks_) return;
    try {
      function_(context_, task, thread);
    } catch (...) {
      if (!failed_.exchange(true)) failure_ = std::current_exception();
      next_task_.store(num_tasks_, std::memory_order_relaxed);
    }
  }
}

void ThreadTeam::Close() {
  uint32_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while (state != 0) state = AwaitChange(state_, state, kSpin);
}

void ThreadTeam::Work(int thread) {
  for (uint32_t seen = 0;;) {
    seen = AwaitChange(epoch_, seen, kSpin);
    if (stopping_.load(std::memory_order_relaxed)) return;
    uint32_t state = state_.load(std::memory_order_relaxed);
    bool joined = false;
    while ((state & kOpen) != 0 && !joined) {
      joined = state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed);
    }
    if (!joined) continue;  // late: the run is over
    TakeTasks(thread);
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == 1) state_.notify_one();
  }
}

}  // namespace puna::engine
