// A few threads for what is ready to be computed: their number follows the cores, not the clients. Nothing that they run
// waits for a client or for a token.
#pragma once

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/mutex.h"
#include "server/http/linked_queue.h"

namespace puna::server {

class WorkerPool {
 public:
  enum class Lane {
    kQuick,  // probes, and answers that go on: never behind the other lane
    kLong,   // new requests, whose parsing may take long: on all threads but one
  };

  // Something to be run; it throws nothing.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void Run() = 0;

   private:
    friend class LinkedQueue<Task>;
    std::shared_ptr<Task> next;
  };

  // Goes on with fewer threads when the system gives no more; throws std::runtime_error when it gives none.
  explicit WorkerPool(size_t num_threads);
  ~WorkerPool() { Stop(); }
  WorkerPool(const WorkerPool&) = delete;

  // From any thread; takes no memory. The task waits here once at most: it may be posted again from when it runs. After Stop,
  // tasks are dropped.
  void Post(Lane lane, std::shared_ptr<Task> task);

  // Runs what was posted, and what that posts, and ends the threads. Not from one of them.
  void Stop();

  size_t num_threads() const { return threads_.size(); }

 private:
  void Work();
  LinkedQueue<Task>* NextLane() PUNA_REQUIRES(mutex_);

  engine::Mutex mutex_;
  engine::Condition ready_;
  std::array<LinkedQueue<Task>, 2> tasks_ PUNA_GUARDED_BY(mutex_);
  size_t running_ PUNA_GUARDED_BY(mutex_) = 0, long_running_ PUNA_GUARDED_BY(mutex_) = 0;
  size_t max_long_ PUNA_GUARDED_BY(mutex_) = 1;
  bool stopping_ PUNA_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace puna::server
