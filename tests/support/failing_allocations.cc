#include "tests/support/failing_allocations.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

using Of = puna::testing::AllocationFaults::Of;

std::atomic<bool> active{false};
std::atomic<Of> of{Of::kAll};
std::atomic<pthread_t> owner{};
std::atomic<size_t> min_size{0};
std::atomic<uint64_t> seen{0}, first_failing{0}, num_failing{0}, failed{0};

bool Fails(size_t size) {
  if (!active || size < min_size) return false;
  const bool own = pthread_equal(owner, pthread_self()) != 0;
  if ((of == Of::kOwnThread && !own) || (of == Of::kOtherThreads && own)) return false;
  const uint64_t number = seen++;
  if (number < first_failing || number - first_failing >= num_failing) return false;
  ++failed;
  return true;
}

void* TryAllocate(size_t size) noexcept { return Fails(size) ? nullptr : std::malloc(size == 0 ? 1 : size); }

void* Allocate(size_t size) {
  void* memory = TryAllocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return TryAllocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return TryAllocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace puna::testing {

FailingAllocations::FailingAllocations(const AllocationFaults& faults) {
  min_size = faults.min_size;
  first_failing = faults.skip;
  num_failing = faults.count;
  of = faults.of;
  owner = pthread_self();
  seen = failed = 0;
  active = true;
}

FailingAllocations::~FailingAllocations() { active = false; }
void FailingAllocations::Pause(bool paused) { active = !paused; }
uint64_t FailingAllocations::num_seen() const { return seen; }
uint64_t FailingAllocations::num_failed() const { return failed; }

}  // namespace puna::testing
