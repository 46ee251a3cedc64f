#include "engine/inbox.h"

#include <utility>

namespace puna::engine {

bool Inbox::Put(Request& request) {
  {
    const MutexLock lock(mutex_);
    if (closed_ || num_inside_ >= capacity_) return false;
    ++num_inside_;
    requests_.push_back(std::move(request));
  }
  arrived_.NotifyOne();
  return true;
}

std::vector<Request> Inbox::Take(bool wait) {
  MutexLock lock(mutex_);
  const auto beat = std::chrono::steady_clock::now() + kIdleBeat;
  while (wait && !stopped_ && requests_.empty() && arrived_.WaitUntil(lock, beat)) {
  }
  return std::exchange(requests_, {});
}

void Inbox::Left(int count) {
  if (count == 0) return;
  {
    const MutexLock lock(mutex_);
    num_inside_ -= count;
  }
  left_.NotifyAll();
}

void Inbox::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

void Inbox::Stop() {
  {
    const MutexLock lock(mutex_);
    closed_ = stopped_ = true;
  }
  arrived_.NotifyAll();
}

bool Inbox::stopped() const {
  const MutexLock lock(mutex_);
  return stopped_;
}

int Inbox::num_inside() const {
  const MutexLock lock(mutex_);
  return num_inside_;
}

bool Inbox::WaitUntilEmpty(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (num_inside_ != 0 && left_.WaitUntil(lock, deadline)) {
  }
  return num_inside_ == 0;
}

}  // namespace puna::engine
