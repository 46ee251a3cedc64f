// Panel products where the processor has dot products of four bytes.

#include "engine/kernels/gemm_neon.h"

namespace puna::engine {
namespace {

struct Dots {
  static constexpr int kSumRegisters = 1;
  struct Sums {
    int32x4_t all;
  };

  template <int lane>
  PUNA_INLINE static void Add(Sums& sums, int8x16_t w, int8x16_t x) {
    sums.all = vdotq_laneq_s32(sums.all, w, x, lane);
  }
  template <int lane>
  PUNA_INLINE static void AddSmall(Sums& sums, int8x16_t w, int8x16_t x) {
    Add<lane>(sums, w, x);
  }
  static int32x4_t Total(const Sums& sums) { return sums.all; }
  static int32x4_t SmallTotal(const Sums& sums) { return sums.all; }

  static int32x4_t AddColumns(int32x4_t sums, int8x16_t w) { return vdotq_s32(sums, w, vdupq_n_s8(1)); }
};
#include "engine/kernels/gemm_neon.inc"

}  // namespace

const GemmKernels& DotProdGemmKernels() { return kKernels; }

}  // namespace puna::engine
