// Answers that go on while nobody waits for them: what a connection does for the others, one thread does for all of these.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "engine/base/mutex.h"
#include "server/http/http.h"

namespace puna::server {

class Background {
 public:
  Background() = default;
  ~Background() { Stop(std::chrono::seconds(0)); }
  Background(const Background&) = delete;

  // Advances the task until it is complete. `reply` is what its handler made of it; `done` is called then, on the thread.
  // Throws api::ApiError 503 where the system gives no thread for the first one.
  void Run(std::unique_ptr<ReplyTask> task, HttpReply reply, std::function<void(const AccessLine&)> done);

  // Waits for so long until all tasks are complete, which they are soon after the engine has ended, and drops the others.
  void Stop(std::chrono::milliseconds patience);

 private:
  struct Job {
    std::unique_ptr<ReplyTask> task;
    HttpReply reply;
    std::function<void(const AccessLine&)> done;
    bool woken = true;  // under the mutex, as is the time at the latest
    ReplyTask::Clock::time_point next = ReplyTask::Clock::time_point::max();
  };
  void Work();
  // The next that has something to do; null: stopped.
  std::shared_ptr<Job> Next();
  void Advance(Job& job);

  engine::Mutex mutex_;
  engine::Condition changed_;
  std::list<std::shared_ptr<Job>> jobs_ PUNA_GUARDED_BY(mutex_);
  bool stopping_ PUNA_GUARDED_BY(mutex_) = false;
  std::thread thread_ PUNA_GUARDED_BY(mutex_);  // from the first task on
};

}  // namespace puna::server
