#include "server/http/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace puna::server {

WorkerPool::WorkerPool(size_t num_threads) {
  try {
    while (threads_.size() < num_threads) threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error& error) {
    if (threads_.empty()) {
      throw std::runtime_error(std::string("the system gives no thread for requests (") + error.what() +
                               "); raise the limit of processes (ulimit -u, pids.max)");
    }
  }
  const engine::MutexLock lock(mutex_);
  max_long_ = std::max<size_t>(1, threads_.size() - 1);
}

void WorkerPool::Post(Lane lane, std::shared_ptr<Task> task) {
  {
    const engine::MutexLock lock(mutex_);
    if (stopping_ && running_ == 0) return;
    tasks_[static_cast<size_t>(lane)].Push(std::move(task));
  }
  ready_.NotifyOne();
}

// Null: nothing may be run now.
LinkedQueue<WorkerPool::Task>* WorkerPool::NextLane() {
  auto& [quick, lengthy] = tasks_;
  if (!quick.empty()) return &quick;
  return !lengthy.empty() && long_running_ < max_long_ ? &lengthy : nullptr;
}

void WorkerPool::Work() {
  pthread_setname_np(pthread_self(), "puna-http");
  engine::MutexLock lock(mutex_);
  while (true) {
    LinkedQueue<Task>* lane;
    while ((lane = NextLane()) == nullptr) {
      if (stopping_ && running_ == 0) return;
      ready_.Wait(lock);
    }
    const bool is_long = lane == &tasks_[static_cast<size_t>(Lane::kLong)];
    std::shared_ptr<Task> task = lane->Pop();
    ++running_;
    long_running_ += is_long;
    lock.Unlock();
    task->Run();
    task.reset();
    lock.Lock();
    --running_;
    long_running_ -= is_long;
    // A task that waited for its lane may run now; and whoever is the last to stop tells the others.
    if (is_long || (stopping_ && running_ == 0)) ready_.NotifyAll();
  }
}

void WorkerPool::Stop() {
  {
    const engine::MutexLock lock(mutex_);
    stopping_ = true;
  }
  ready_.NotifyAll();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace puna::server
