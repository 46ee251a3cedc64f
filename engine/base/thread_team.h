// ThreadTeam: a fixed set of threads that run one function together, again and again, thousands of times a second.
// Between two runs a worker spins for a few microseconds, then sleeps in the kernel, so that a decode step loses little at
// its ~150 barriers and an idle server uses no processor.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace puna::engine {

class ThreadTeam {
 public:
  // num_threads >= 1, the caller of Run included.
  explicit ThreadTeam(int num_threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // fn(thread) on every thread, thread in [0, size()); returns when all have returned. One caller at a time; fn must not
  // throw and must not call Run.
  template <typename Fn>
  void Run(const Fn& fn) {
    if (workers_.empty()) return fn(0);
    Start([](const void* context, int thread) { (*static_cast<const Fn*>(context))(thread); }, &fn);
    fn(0);
    Finish();
  }

  // fn(task, thread) for each task in [0, num_tasks), handed out one by one in rising order.
  template <typename Fn>
  void ForEach(int64_t num_tasks, const Fn& fn) {
    if (num_tasks <= 1 || workers_.empty()) {
      for (int64_t task = 0; task < num_tasks; ++task) fn(task, 0);
      return;
    }
    next_task_.store(0, std::memory_order_relaxed);
    Run([&](int thread) {
      for (;;) {
        const int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
        if (task >= num_tasks) return;
        fn(task, thread);
      }
    });
  }

 private:
  using Function = void (*)(const void* context, int thread);
  void Start(Function function, const void* context);
  void Finish();
  void Work(int thread);

  std::vector<std::thread> workers_;
  Function function_ = nullptr;
  const void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> epoch_{0};    // rises by one a run; workers wait for it
  alignas(64) std::atomic<uint32_t> running_{0};  // workers still in the run; the caller waits for zero
  alignas(64) std::atomic<int64_t> next_task_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace puna::engine
