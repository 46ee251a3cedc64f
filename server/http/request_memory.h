// The memory that requests may take, all of them together: bodies and what is made of them, answers that wait for slow clients.
// What a request is going to need is taken out before anything is allocated; where that is too much, the request is refused, and
// no other one suffers. What is kept for later requests counts, too, and makes way for those that are there.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "engine/base/mutex.h"

namespace puna::server {

// From any thread; so are the shares, which the event loop and a worker may set side by side.
class RequestMemory {
 public:
  explicit RequestMemory(size_t limit) : limit_(limit) {}

  // Something that is kept, such as a cache. Neither of the functions asks anything of this memory.
  struct Kept {
    std::function<size_t()> bytes;                // that it has now
    std::function<void(size_t bytes)> give_back;  // lets go of so many, what is worth least first; what is in use stays
  };
  // From now on it is asked to give back in the order in which it was added, before a request is refused, and whenever a request
  // has ended beyond the limit. It outlives this.
  void Count(Kept kept);

  size_t limit() const { return limit_; }
  size_t used() const;  // by requests and by what is kept

  // What one request has of it; given back when it dies.
  class Share {
   public:
    explicit Share(RequestMemory& memory) : memory_(memory) {}
    ~Share() { Set(0); }
    Share(const Share&) = delete;

    // Has so many bytes from now on, or as many as before: then there are not so many. Fewer than before is always possible.
    bool TrySet(size_t bytes);
    // Has so many, also beyond the limit: they are there already, and others must wait.
    void Set(size_t bytes);
    size_t bytes() const;

   private:
    RequestMemory& memory_;
    size_t bytes_ = 0;  // under the memory's mutex: a refusal changes neither this nor the whole, not even for a moment
  };

 private:
  size_t NumKept() const PUNA_REQUIRES(mutex_);
  bool MakeRoom(size_t requests) PUNA_REQUIRES(mutex_);

  const size_t limit_;
  mutable engine::Mutex mutex_;
  size_t used_ PUNA_GUARDED_BY(mutex_) = 0;  // by requests
  std::vector<Kept> kept_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
