// 256-bit VNNI in the encoding of AVX-512VL: what gemm_avx2vnni.cc computes, for processors that have AVX-512 but not
// AVX-VNNI.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/gemm_256.h"

#define PUNA_DPBUSD(sum, u8, s8) _mm256_dpbusd_epi32(sum, u8, s8)

namespace puna::engine {
namespace {
#include "engine/kernels/gemm_avx2vnni.inc"
}  // namespace

const GemmKernels& Vnni256GemmKernels() {
  static const GemmKernels kernels = {
      .bf16_panel = Avx2GemmKernels().bf16_panel,
      .int8_panel = {kTileRows, PlainRowBytes<uint8_t>, ArrangeInt8, Int8Panel, MultiplyRow<Int8Form>},
      .int4_panel = {kTileRows, Int4RowBytes, ArrangeInt4, Int4Panel, MultiplyRow<Int4Form>},
  };
  return kernels;
}

}  // namespace puna::engine
