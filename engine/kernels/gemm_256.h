// What the panel products of 256-bit registers share. Everything has internal linkage: each instruction set keeps its own copy.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

inline __m256i LoadBytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// Four bytes, in all eight lanes.
inline __m256i Broadcast4(const void* p) {
  return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(p)));
}

// Keeps g++ from taking a chain of additions apart. The intrinsics are plain additions to it, which it may regroup (integers) or
// sink below all products of a tile; sums then live in memory.
template <typename V>
[[gnu::always_inline]] inline void Pin(V& sum) {
  asm("" : "+x"(sum));
}

// Fetches `lines` cache lines of packed memory into the second level: the hardware's prefetcher alone stops at each page and
// where a panel's strips are read by turns.
[[gnu::always_inline]] inline void Fetch(const void* p, int64_t lines) {
  const auto* line = static_cast<const char*>(p);
  for (int64_t i = 0; i < lines; ++i) _mm_prefetch(line + 64 * i, _MM_HINT_T1);
}

}  // namespace
}  // namespace puna::engine
