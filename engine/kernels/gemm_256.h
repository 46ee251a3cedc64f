// What the panel products of 256-bit registers share (the structure: gemm_tiles.inc).
//
// Everything has internal linkage: each instruction set keeps its own copy.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "engine/kernels/gemm.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

inline __m256i LoadBytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void StoreBytes(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

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

inline constexpr int kTileRows = 3;
inline constexpr int kRegisterCols = 8;
#include "engine/kernels/gemm_tiles.inc"

}  // namespace
}  // namespace puna::engine
