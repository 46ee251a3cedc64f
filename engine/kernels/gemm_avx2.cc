// Panel products for AVX2 and FMA: 8 columns a register, so a panel is done in strips of 16 columns.

#include <immintrin.h>

#include <cstring>

#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

__m256i LoadBytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
__m256i Broadcast4(const void* p) {
  int32_t quad;
  std::memcpy(&quad, p, 4);
  return _mm256_set1_epi32(quad);
}

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

void Bf16Panel(const bf16* a, int64_t lda, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
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

void Int8Panel(const uint8_t* a, int64_t lda, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  for (int strip = 0; strip < kPanelCols; strip += 8) {
    const int8_t* w = panel + 4 * strip;
    int r = 0;
    for (; r + 4 <= m; r += 4) Int8Strip<4>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
    for (; r < m; ++r) Int8Strip<1>(a + r * lda, lda, w, k, y + r * ldy + strip, ldy);
  }
}

// A product of a nibble and a signed byte pair stays below 2 * 15 * 128 = 3840, and eight of them below 32767: maddubs is exact.
template <int R>
void Int4Strip(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, const uint8_t* panel, int strip, int64_t k,
               float* y, int64_t ldy) {
  __m256 acc[R] = {};
  const __m256i low = _mm256_set1_epi8(15);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t g = 0; g < k / kInt4Group; ++g, panel += kInt4GroupBytes) {
    __m256i pairs[R] = {};
    for (int j = 0; j < 4; ++j) {
      const __m256i packed = LoadBytes(panel + j * 256 + strip * 4);
      const __m256i first = _mm256_and_si256(packed, low);
      const __m256i second = _mm256_and_si256(_mm256_srli_epi32(packed, 4), low);
      for (int r = 0; r < R; ++r) {
        const int8_t* x = a + r * lda + g * kInt4Group + 4 * j;
        pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(first, Broadcast4(x)));
        pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(second, Broadcast4(x + 16)));
      }
    }
    const __m256 scale =
        _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + 1024 + strip * 2)));
    for (int r = 0; r < R; ++r) {
      const __m256i dot = _mm256_add_epi32(_mm256_madd_epi16(pairs[r], ones), _mm256_set1_epi32(starts[r * ldstarts + g]));
      acc[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, acc[r]);
    }
  }
  for (int r = 0; r < R; ++r) _mm256_storeu_ps(y + r * ldy, acc[r]);
}

void Int4Panel(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, int m, const uint8_t* panel, int64_t k,
               float* y, int64_t ldy) {
  for (int strip = 0; strip < kPanelCols; strip += 8) {
    int r = 0;
    for (; r + 4 <= m; r += 4) {
      Int4Strip<4>(a + r * lda, lda, starts + r * ldstarts, ldstarts, panel, strip, k, y + r * ldy + strip, ldy);
    }
    for (; r < m; ++r) {
      Int4Strip<1>(a + r * lda, lda, starts + r * ldstarts, ldstarts, panel, strip, k, y + r * ldy + strip, ldy);
    }
  }
}

constexpr GemmKernels kKernels = {Bf16Panel, Int8Panel, Int4Panel};

}  // namespace

const GemmKernels& Avx2GemmKernels() { return kKernels; }

}  // namespace puna::engine
