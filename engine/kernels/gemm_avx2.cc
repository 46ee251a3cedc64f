// Panel products for AVX2 and FMA: 8 columns a register, so a panel is done in strips of 16 columns.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/gemm_256.h"

namespace puna::engine {
namespace {

template <int R>
void Bf16Strip(const bf16* a, int64_t lda, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  __m256 acc[R][2] = {};
  const __m256i odd = _mm256_set1_epi32(static_cast<int32_t>(0xffff0000u));
  for (int64_t i = 0; i < k; i += 2, panel += 2 * kPanelCols) {
    for (int c = 0; c < 2; ++c) {
      const __m256i w = LoadBytes(panel + 16 * c);
      const __m256 even_w = _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
      const __m256 odd_w = _mm256_castsi256_ps(_mm256_and_si256(w, odd));
      for (int r = 0; r < R; ++r) {
        acc[r][c] = _mm256_fmadd_ps(_mm256_set1_ps(ToFloat(a[r * lda + i])), even_w, acc[r][c]);
        acc[r][c] = _mm256_fmadd_ps(_mm256_set1_ps(ToFloat(a[r * lda + i + 1])), odd_w, acc[r][c]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < 2; ++c) _mm256_storeu_ps(y + r * ldy + 8 * c, acc[r][c]);
  }
}

void Bf16Panel(const uint8_t* rows, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  const int64_t lda = k;
  const auto* a = reinterpret_cast<const bf16*>(rows);
  for (int strip = 0; strip < kPanelCols; strip += 16) {
    const bf16* w = panel + 2 * strip;
    int r = 0;
    for (; r + 4 <= m; r += 4) Bf16Strip<4>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
    for (; r < m; ++r) Bf16Strip<1>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
  }
}

// Bytes are widened to 16 bits before they are multiplied: pairs of u8 * s8 products would overflow maddubs.
template <int R>
void Int8Strip(const uint8_t* a, int64_t lda, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  __m256i even[R] = {};  // k 0 and 1 of each quad, then 2 and 3, as neighbours: [n][2]
  __m256i rest[R] = {};
  for (int64_t i = 0; i < k; i += 4, panel += 4 * kPanelCols) {
    const __m256i w = LoadBytes(panel);
    const __m256i first = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w));
    const __m256i second = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1));
    for (int r = 0; r < R; ++r) {
      int32_t quad;
      std::memcpy(&quad, a + r * lda + i, 4);
      const __m256i x = _mm256_cvtepu8_epi16(_mm_set1_epi32(quad));
      even[r] = _mm256_add_epi32(even[r], _mm256_madd_epi16(x, first));
      rest[r] = _mm256_add_epi32(rest[r], _mm256_madd_epi16(x, second));
    }
  }
  for (int r = 0; r < R; ++r) {  // [n 0..3][2], [n 4..7][2] -> [n 0..7]
    const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(even[r], rest[r]), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + r * ldy), sum);
  }
}

void Int8Panel(const uint8_t* a, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  const int64_t lda = k;
  for (int strip = 0; strip < kPanelCols; strip += 8) {
    const int8_t* w = panel + 4 * strip;
    int r = 0;
    for (; r + 4 <= m; r += 4) Int8Strip<4>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
    for (; r < m; ++r) Int8Strip<1>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
  }
}

// A product of a nibble and a signed byte pair stays below 2 * 15 * 128 = 3840, and eight of them, begun at the start, below
// 32767: sums of 16 bits are exact. A group's 32 products lie in two of them, and -4 times the sum of its activations in each
// takes the offset of 8 back.
struct Int4Dots {
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
    .bf16_panel = {1, PlainRowBytes<bf16>, CopyRows<bf16>, Bf16Panel},
    .int8_panel = {1, PlainRowBytes<uint8_t>, CopyRows<uint8_t>, Int8Panel},
    .int4_panel = {kInt4TileRows, Int4RowBytes, ArrangeInt4, Int4Panel},
};

}  // namespace

const GemmKernels& Avx2GemmKernels() { return kKernels; }

}  // namespace puna::engine
