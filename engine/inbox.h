// Inbox: the bounded way into the engine, from many threads to one. It counts who is inside, from Put to Left, so that
// the door knows when the engine is full. One tenant's requests cannot keep others out: a quarter more places than there are
// stand ready for tenants who have less than an equal part of all.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/request/request.h"

namespace puna::engine {

class Inbox {
 public:
  // An engine with nothing to do wakes so often, to show that it lives.
  static constexpr std::chrono::seconds kIdleBeat{2};

  explicit Inbox(int capacity) : capacity_(capacity) {}

  // False, and the request is untouched: `capacity` requests are inside and its tenant has an equal part of them, or a quarter
  // more are; or the door is closed.
  bool Put(Request& request);

  // What has come, in order. wait: sleeps until something has, or Wake, or Stop, or for kIdleBeat.
  std::vector<Request> Take(bool wait);

  // Whoever takes, now or next, does not wait: there is something else to do. From any thread.
  void Wake();

  // Requests of these tenants have ended.
  void Left(std::span<const uint64_t> tenants);

  void Close();  // nobody comes in any more
  void Stop();   // and whoever takes stops waiting
  bool stopped() const;
  int num_inside() const;

  // Waits until nobody is inside; false when that took longer than `timeout`.
  bool WaitUntilEmpty(std::chrono::milliseconds timeout);

 private:
  bool HasPlace(uint64_t tenant) const PUNA_REQUIRES(mutex_);

  const int capacity_;
  mutable Mutex mutex_;
  Condition arrived_, left_;
  std::vector<Request> requests_ PUNA_GUARDED_BY(mutex_);
  int num_inside_ PUNA_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, int> inside_ PUNA_GUARDED_BY(mutex_);  // by tenant; none has 0
  bool woken_ PUNA_GUARDED_BY(mutex_) = false;
  bool closed_ PUNA_GUARDED_BY(mutex_) = false;
  bool stopped_ PUNA_GUARDED_BY(mutex_) = false;
};

}  // namespace puna::engine
