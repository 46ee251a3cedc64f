#include "server/bench/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

namespace puna::server {
namespace {

constexpr std::chrono::seconds kIdleTime{20};

}  // namespace

bool ThreadPool::Enqueue(std::function<void()> task) {
  const engine::MutexLock lock(mutex_);
  if (shut_down_) return false;
  const bool start = idle_.empty();
  if (start && threads_ == max_threads_) return false;
  tasks_.push_back(std::move(task));
  if (!start) {
    idle_.back()->woken = true;
    idle_.back()->wake.NotifyOne();
    idle_.pop_back();
    return true;
  }
  try {
    std::thread([this] { Work(); }).detach();
  } catch (const std::system_error&) {  // the system has no thread for us
    tasks_.pop_back();
    return false;
  }
  ++threads_;
  return true;
}

void ThreadPool::Work() {
  engine::MutexLock lock(mutex_);
  while (true) {
    if (tasks_.empty()) {
      if (shut_down_) break;
      Idler self;
      idle_.push_back(&self);
      const auto end = std::chrono::steady_clock::now() + kIdleTime;
      while (!self.woken && !shut_down_ && self.wake.WaitUntil(lock, end)) {
      }
      if (self.woken) continue;
      idle_.erase(std::find(idle_.begin(), idle_.end(), &self));
      if (!shut_down_) break;
      continue;
    }
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.Unlock();
    task();
    task = nullptr;
    lock.Lock();
  }
  // Under the lock: Shutdown cannot return, and the pool cannot die, before this thread is done
  // with it.
  if (--threads_ == 0) empty_.NotifyAll();
}

void ThreadPool::Shutdown() {
  engine::MutexLock lock(mutex_);
  shut_down_ = true;
  for (Idler* idler : idle_) idler->wake.NotifyOne();
  while (threads_ > 0) empty_.Wait(lock);
}

}  // namespace puna::server
