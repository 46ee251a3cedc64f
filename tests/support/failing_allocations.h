// Allocations that fail when a test says so. Whoever uses this replaces operator new in its whole program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace puna::testing {

struct AllocationFaults {
  enum class Of { kAll, kOwnThread, kOtherThreads };  // than the one that says so

  size_t min_size = 0;  // only allocations of so many bytes count
  uint64_t skip = 0;    // so many of them succeed first
  uint64_t count = 1;   // then so many fail
  Of of = Of::kAll;     // the threads whose allocations count
};

// As long as it lives; one at a time.
class FailingAllocations {
 public:
  explicit FailingAllocations(const AllocationFaults& faults);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;

  void Pause(bool paused);  // meanwhile none fails, and none counts
  uint64_t num_seen() const;
  uint64_t num_failed() const;
};

}  // namespace puna::testing
