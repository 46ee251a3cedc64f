// What ARM64's panel products share: registers of four columns, tiles of four rows (the structure: gemm_tiles.inc), and bf16.
//
// Everything has internal linkage: each instruction set keeps its own copy.
#pragma once

#include <arm_neon.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

inline constexpr int kTileRows = 4;
inline constexpr int kRegisterCols = 4;
#include "engine/kernels/gemm_tiles.inc"

PUNA_INLINE int8x16_t LoadBytes(const void* p) { return vld1q_s8(static_cast<const int8_t*>(p)); }

// y [4] = fma(total, scale, y).
PUNA_INLINE void AddScaled(int32x4_t total, float32x4_t scale, float* y) {
  vst1q_f32(y, vfmaq_f32(vld1q_f32(y), vcvtq_f32_s32(total), scale));
}

// Four float16 as float32.
PUNA_INLINE float32x4_t LoadHalves(const uint8_t* p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const uint16_t*>(p))));
}

PUNA_INLINE int32_t SumOfGroup(const int8_t* x) { return vaddlvq_s8(LoadBytes(x)) + vaddlvq_s8(LoadBytes(x + 16)); }

// bf16 by float32 FMA: the two halves of a k pair are two steps of one chain, even k first.
struct Bf16Form {
  static constexpr int64_t kUnit = 2;
  static constexpr int64_t kUnitBytes = 4 * kPanelCols;
  static constexpr int64_t kRowUnitBytes = 8;
  static constexpr int64_t kChunk = 32;
  template <int R>
  static constexpr int kRegisters = std::bit_floor(16u / R);

  // x: [even, odd][R] float32.
  template <int R>
  [[gnu::noinline]] static void Strip(const uint8_t* x, const uint8_t* panel, int n, int64_t pairs, Ahead& ahead,
                                      float* y, int64_t ldy) {
    constexpr int C = kRegisters<R>;
    float32x4_t sums[R][C];
    Unroll<R>(PUNA_UNROLLED(r) { Unroll<C>(PUNA_UNROLLED(c) { sums[r][c] = vld1q_f32(y + r * ldy + 4 * c); }); });
    const auto* row = reinterpret_cast<const float*>(x);
    for (int64_t p = 0; p < pairs; ++p, row += 2 * R) {
      ahead.FetchSome();
      Unroll<C>(PUNA_UNROLLED(c) {
        const uint32x4_t both = vreinterpretq_u32_s8(LoadBytes(panel + p * kUnitBytes + 4 * n + 16 * c));
        const float32x4_t even = vreinterpretq_f32_u32(vshlq_n_u32(both, 16));
        const float32x4_t odd = vreinterpretq_f32_u32(vandq_u32(both, vdupq_n_u32(0xffff0000u)));
        Unroll<R>(PUNA_UNROLLED(r) { sums[r][c] = vfmaq_n_f32(sums[r][c], even, row[r]); });
        Unroll<R>(PUNA_UNROLLED(r) { sums[r][c] = vfmaq_n_f32(sums[r][c], odd, row[R + r]); });
      });
    }
    Unroll<R>(PUNA_UNROLLED(r) { Unroll<C>(PUNA_UNROLLED(c) { vst1q_f32(y + r * ldy + 4 * c, sums[r][c]); }); });
  }
};

inline int64_t Bf16RowBytes(int64_t k) { return 4 * k; }

// [k][row], as float32.
inline void ArrangeBf16(const bf16* rows, int m, int64_t k, uint8_t* tile) {
  auto* out = reinterpret_cast<float*>(tile);
  for (int64_t i = 0; i < k; ++i) {
    for (int r = 0; r < m; ++r) *out++ = ToFloat(rows[r * k + i]);
  }
}

inline void Bf16Panel(const uint8_t* rows, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  MultiplyDirect<Bf16Form>(rows, m, reinterpret_cast<const uint8_t*>(panel), k, y, ldy);
}

}  // namespace
}  // namespace puna::engine
