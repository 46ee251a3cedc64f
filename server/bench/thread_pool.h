// Threads for connections: as many as are busy, up to a limit, and a few kept for the next ones.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

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
    std::condition_variable wake;
    bool woken = false;
  };

  std::mutex mutex_;
  std::vector<Idler*> idle_;
  std::condition_variable empty_;  // the last thread has ended
  std::deque<std::function<void()>> tasks_;
  size_t threads_ = 0;
  bool shut_down_ = false;
};

}  // namespace puna::server
