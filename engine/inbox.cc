#include "engine/inbox.h"

#include <utility>

namespace puna::engine {

bool Inbox::Put(Request& request) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || num_inside_ >= capacity_) return false;
    ++num_inside_;
    requests_.push_back(std::move(request));
  }
  arrived_.notify_one();
  return true;
}

std::vector<Request> Inbox::Take(bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) arrived_.wait_for(lock, kIdleBeat, [this] { return stopped_ || !requests_.empty(); });
  return std::exchange(requests_, {});
}

void Inbox::Left(int count) {
  if (count == 0) return;
  {
    const std::lock_guard lock(mutex_);
    num_inside_ -= count;
  }
  left_.notify_all();
}

void Inbox::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void Inbox::Stop() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = stopped_ = true;
  }
  arrived_.notify_all();
}

bool Inbox::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

int Inbox::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(requests_.size());
}

bool Inbox::WaitUntilEmpty(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return left_.wait_for(lock, timeout, [this] { return num_inside_ == 0; });
}

}  // namespace puna::engine
