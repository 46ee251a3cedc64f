#include "engine/inbox.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {

bool Inbox::HasPlace(uint64_t tenant) const {
  if (num_inside_ < capacity_) return true;
  const auto own = inside_.find(tenant);
  const int has = own == inside_.end() ? 0 : own->second;
  const int tenants = static_cast<int>(inside_.size()) + (has == 0);
  return has < capacity_ / tenants && num_inside_ < capacity_ + std::max(1, capacity_ / 4);
}

bool Inbox::Put(Request& request) {
  {
    const MutexLock lock(mutex_);
    if (closed_ || !HasPlace(request.tenant)) return false;
    requests_.reserve(requests_.size() + 1);  // whatever has no memory fails before anything has changed
    ++inside_[request.tenant];
    ++num_inside_;
    requests_.push_back(std::move(request));
  }
  arrived_.NotifyOne();
  return true;
}

std::vector<Request> Inbox::Take(bool wait) {
  MutexLock lock(mutex_);
  const auto beat = std::chrono::steady_clock::now() + kIdleBeat;
  while (wait && !stopped_ && !woken_ && requests_.empty() && arrived_.WaitUntil(lock, beat)) {
  }
  woken_ = false;
  return std::exchange(requests_, {});
}

void Inbox::Wake() {
  {
    const MutexLock lock(mutex_);
    woken_ = true;
  }
  arrived_.NotifyOne();
}

void Inbox::Left(std::span<const uint64_t> tenants) {
  if (tenants.empty()) return;
  {
    const MutexLock lock(mutex_);
    num_inside_ -= static_cast<int>(tenants.size());
    for (const uint64_t tenant : tenants) {
      const auto place = inside_.find(tenant);
      PUNA_CHECK(place != inside_.end()) << tenant;
      if (--place->second == 0) inside_.erase(place);
    }
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
