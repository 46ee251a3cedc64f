#include "engine/base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace puna::engine {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t Rounded(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

// Memory whose start is a multiple of 2 MiB: a larger range is reserved and its ends are given back. What is left behind the
// last whole huge page lies in small ones: a model's hundred matrices would waste a megabyte each.
void* MapHuge(size_t size) {
  const size_t reserve = size + kHugePage;
  void* raw = mmap(nullptr, reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  auto start = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start) munmap(raw, aligned - start);
  const uintptr_t end = start + reserve;
  if (end > aligned + size) munmap(reinterpret_cast<void*>(aligned + size), end - aligned - size);
  void* p = reinterpret_cast<void*>(aligned);
  madvise(p, size / kHugePage * kHugePage, MADV_HUGEPAGE);  // a hint: without it we are slower, not wrong
  return p;
}

}  // namespace

void* AllocateAligned(size_t bytes) {
  const size_t size = Rounded(bytes);
  if (size < bytes) throw std::bad_alloc();
  if (size >= kHugePage) return MapHuge(size);
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return p;
}

void FreeAligned(void* p, size_t bytes) { munmap(p, Rounded(bytes)); }

}  // namespace puna::engine
