// Inbox: the bounded way into the engine, from many threads to one. It counts who is inside, from Put to Left, so that
// the door knows when the engine is full.
#pragma once

#include <chrono>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/request/request.h"

namespace puna::engine {

class Inbox {
 public:
  // An engine with nothing to do wakes so often, to show that it lives.
  static constexpr std::chrono::seconds kIdleBeat{2};

  explicit Inbox(int capacity) : capacity_(capacity) {}

  // False, and the request is untouched: `capacity` requests are inside, or the door is closed.
  bool Put(Request& request);

  // What has come, in order. wait: sleeps until something has, or Stop, or for kIdleBeat.
  std::vector<Request> Take(bool wait);

  // So many requests have ended.
  void Left(int count);

  void Close();  // nobody comes in any more
  void Stop();   // and whoever takes stops waiting
  bool stopped() const;
  int num_inside() const;

  // Waits until nobody is inside; false when that took longer than `timeout`.
  bool WaitUntilEmpty(std::chrono::milliseconds timeout);

 private:
  const int capacity_;
  mutable Mutex mutex_;
  Condition arrived_, left_;
  std::vector<Request> requests_ PUNA_GUARDED_BY(mutex_);
  int num_inside_ PUNA_GUARDED_BY(mutex_) = 0;
  bool closed_ PUNA_GUARDED_BY(mutex_) = false;
  bool stopped_ PUNA_GUARDED_BY(mutex_) = false;
};

}  // namespace puna::engine
