// Panel products for AVX2 and FMA.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/gemm_256.h"

namespace puna::engine {
namespace {

#include "engine/kernels/gemm_bf16_256.inc"
#include "engine/kernels/gemm_int8_avx2.inc"

// A product of a nibble and a signed byte pair stays below 2 * 15 * 128 = 3840, and eight of them, begun at the start, below
// 32767: sums of 16 bits are exact. A group's 32 products lie in two of them, and -4 times the sum of its activations in each
// takes the offset of 8 back.
struct Int4Dots {
  static constexpr int kMaxDirect = 8;
  static int32_t Start(int32_t sum) {
    const auto half = static_cast<uint16_t>(-4 * sum);
    return static_cast<int32_t>(half | uint32_t{half} << 16);
  }
  static void Add(__m256i& sums, __m256i codes, __m256i x) {
    sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(codes, x));
    Pin(sums);
  }
  static __m256i Total(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }
};
#include "engine/kernels/gemm_int4_256.inc"

constexpr GemmKernels kKernels = {
    .bf16_panel = {kTileRows, Bf16RowBytes, ArrangeBf16, Bf16Panel, MultiplyRow<Bf16Form>},
    .int8_panel = {kTileRows, Int8RowBytes, ArrangeInt8, Int8Panel, MultiplyRow<Int8Form>},
    .int4_panel = {kTileRows, Int4RowBytes, ArrangeInt4, Int4Panel, MultiplyRow<Int4Form>},
};

}  // namespace

const GemmKernels& Avx2GemmKernels() { return kKernels; }

}  // namespace puna::engine
