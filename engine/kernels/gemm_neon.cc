// Panel products for every ARM64 processor: products of bytes are summed in 16 bits where that is exact, else pair by pair in 32.

#include "engine/kernels/gemm_neon.h"

namespace puna::engine {
namespace {

struct Dots {
  static constexpr int kSumRegisters = 2;
  struct Sums {
    int32x4_t low, high;  // columns 0 and 1, 2 and 3; small: eight sums of 16 bits
  };

  // A product of a nibble and a signed byte stays below 15 * 128 = 1920, and eight of them below 32767.
  template <int lane>
  PUNA_INLINE static void AddSmall(Sums& sums, int8x16_t w, int8x16_t x) {
    const int8x16_t quad = Quad<lane>(x);
    const int16x8_t low = vmlal_s8(vreinterpretq_s16_s32(sums.low), vget_low_s8(w), vget_low_s8(quad));
    const int16x8_t high = vmlal_high_s8(vreinterpretq_s16_s32(sums.high), w, quad);
    sums = {vreinterpretq_s32_s16(low), vreinterpretq_s32_s16(high)};
  }
  static int32x4_t SmallTotal(const Sums& sums) {
    return vpaddq_s32(vpaddlq_s16(vreinterpretq_s16_s32(sums.low)), vpaddlq_s16(vreinterpretq_s16_s32(sums.high)));
  }

  template <int lane>
  PUNA_INLINE static void Add(Sums& sums, int8x16_t w, int8x16_t x) {
    const int8x16_t quad = Quad<lane>(x);
    sums.low = vpadalq_s16(sums.low, vmull_s8(vget_low_s8(w), vget_low_s8(quad)));
    sums.high = vpadalq_s16(sums.high, vmull_high_s8(w, quad));
  }
  static int32x4_t Total(const Sums& sums) { return vpaddq_s32(sums.low, sums.high); }

  static int32x4_t AddColumns(int32x4_t sums, int8x16_t w) { return vpadalq_s16(sums, vpaddlq_s8(w)); }

 private:
  template <int lane>
  PUNA_INLINE static int8x16_t Quad(int8x16_t x) {
    return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), lane));
  }
};
#include "engine/kernels/gemm_neon.inc"

}  // namespace

const GemmKernels& NeonGemmKernels() { return kKernels; }

}  // namespace puna::engine
