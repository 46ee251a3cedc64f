// Threads for connections: as many as are busy, up to a limit, and a few kept for the next ones.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "engine/base/mutex.h"

namespace puna::server {

// A thread is started when a task finds none idle, and ends after it was idle for a while, so that
// a server with a limit of a thousand streams does not hold a thousand threads when it serves
// three.
class ThreadPool {
 public:
  explicit ThreadPool(size_t max_threads) : max_threads_(max_threads) {}
  ~ThreadPool() { Shutdown(); }

  // False: all threads are busy and no more may be started, or the pool is shut down; the task was
  // not taken.
  bool Enqueue(std::function<void()> task);

  // Waits until all tasks have ended.
  void Shutdown();

 private:
  void Work();

  const size_t max_threads_;
  // An idle thread. The one that was busy last is woken first, so that those that a burst has left are idle for long
  // enough to end, however steady the trickle behind it.
  struct Idler {
    engine::Condition wake;
    bool woken = false;
  };

  engine::Mutex mutex_;
  engine::Condition empty_;                           // the last thread has ended
  std::vector<Idler*> idle_ PUNA_GUARDED_BY(mutex_);  // and what they hold
  std::deque<std::function<void()>> tasks_ PUNA_GUARDED_BY(mutex_);
  size_t threads_ PUNA_GUARDED_BY(mutex_) = 0;
  bool shut_down_ PUNA_GUARDED_BY(mutex_) = false;
};

}  // namespace puna::server
