// Panel products where the processor multiplies bf16 pairs itself; the integer formats are those of AVX-512 VNNI.

#include <immintrin.h>

#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {

const GemmKernels& Avx512GemmKernels();

namespace {

template <int R>
void Bf16Tile(const bf16* a, int64_t lda, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  __m512 acc[R][4] = {};
  for (int64_t i = 0; i < k; i += 2, panel += 2 * kPanelCols) {
    const auto w0 = (__m512bh)_mm512_loadu_si512(panel);
    const auto w1 = (__m512bh)_mm512_loadu_si512(panel + 32);
    const auto w2 = (__m512bh)_mm512_loadu_si512(panel + 64);
    const auto w3 = (__m512bh)_mm512_loadu_si512(panel + 96);
    Unroll<R>(PUNA_UNROLLED(r) {
      int32_t pair;
      std::memcpy(&pair, a + r * lda + i, 4);
      const auto x = (__m512bh)_mm512_set1_epi32(pair);
      acc[r][0] = _mm512_dpbf16_ps(acc[r][0], x, w0);
      acc[r][1] = _mm512_dpbf16_ps(acc[r][1], x, w1);
      acc[r][2] = _mm512_dpbf16_ps(acc[r][2], x, w2);
      acc[r][3] = _mm512_dpbf16_ps(acc[r][3], x, w3);
    });
  }
  Unroll<R>(PUNA_UNROLLED(r) { Unroll<4>(PUNA_UNROLLED(c) { _mm512_storeu_ps(y + r * ldy + 16 * c, acc[r][c]); }); });
}

void Bf16Panel(const uint8_t* rows, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  const int64_t lda = k;
  const auto* a = reinterpret_cast<const bf16*>(rows);
  for (; m >= 6; m -= 6, a += 6 * lda, y += 6 * ldy) Bf16Tile<6>(a, lda, panel, k, y, ldy);
  switch (m) {
    case 5:
      return Bf16Tile<5>(a, lda, panel, k, y, ldy);
    case 4:
      return Bf16Tile<4>(a, lda, panel, k, y, ldy);
    case 3:
      return Bf16Tile<3>(a, lda, panel, k, y, ldy);
    case 2:
      return Bf16Tile<2>(a, lda, panel, k, y, ldy);
    case 1:
      return Bf16Tile<1>(a, lda, panel, k, y, ldy);
    default:
      return;
  }
}

}  // namespace

const GemmKernels& Avx512Bf16GemmKernels() {
  static const GemmKernels kernels = {.bf16_panel = {1, PlainRowBytes<bf16>, CopyRows<bf16>, Bf16Panel},
                                      .int8_panel = Avx512GemmKernels().int8_panel,
                                      .int4_panel = Avx512GemmKernels().int4_panel};
  return kernels;
}

}  // namespace puna::engine
