// ThreadTeam: a fixed set of threads that share out the tasks of one function, again and again, thousands of times a
// second. Between two runs a worker spins for a few microseconds, then sleeps in the kernel, so that a decode step
// loses little at its ~150 runs and an idle server uses no processor.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>
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

  // fn(task, thread) for each task in [0, num_tasks), handed out one by one in rising order to whoever is there; thread
  // is in [0, size()). Returns when all are done. A worker that the system has not run yet is not waited for: the
  // caller does its share. One caller at a time; fn must not call ForEach. When fn throws, no further task begins and
  // the first exception is thrown here, after the tasks that had begun.
  template <typename Fn>
  void ForEach(int64_t num_tasks, const Fn& fn) {
    if (num_tasks <= 1 || workers_.empty()) {
      for (int64_t task = 0; task < num_tasks; ++task) fn(task, 0);
      return;
    }
    Open(
        num_tasks,
        [](const void* context, int64_t task, int thread) { (*static_cast<const Fn*>(context))(task, thread); }, &fn);
    TakeTasks(0);
    Close();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  using Function = void (*)(const void* context, int64_t task, int thread);
  void Open(int64_t num_tasks, Function function, const void* context);
  void TakeTasks(int thread);
  void Close();
  void Work(int thread);

  std::vector<std::thread> workers_;
  Function function_ = nullptr;
  const void* context_ = nullptr;
  int64_t num_tasks_ = 0;
  alignas(64) std::atomic<uint32_t> epoch_{0};  // rises by one a run; workers sleep on it
  alignas(64) std::atomic<uint32_t> state_{
      0};  // kOpen while the run may be joined | workers in it; the caller sleeps on it
  alignas(64) std::atomic<int64_t> next_task_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};  // in this run, by whoever then sets failure_
  std::exception_ptr failure_;
};

}  // namespace puna::engine
