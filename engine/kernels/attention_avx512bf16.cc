// Attention where the processor multiplies bf16 pairs itself.

#include <immintrin.h>

#include <cstring>

#include "engine/kernels/attention.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

using Factor = bf16;
inline constexpr int kTileRows = 6, kTileVectors = 4;

inline __m512bh BroadcastPair(const bf16* p) {
  int32_t pair;
  std::memcpy(&pair, p, 4);
  return (__m512bh)_mm512_set1_epi32(pair);
}

// Codes of one byte as bf16, which holds them exactly.
inline void WidenCodes(const uint8_t* codes, int64_t n, bf16* out) {
  for (int64_t i = 0; i < n; i += 32) {
    const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i));
    const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(narrow)));
    const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(narrow, 1)));
    _mm512_storeu_si512(out + i, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

template <int R, int B>
void ScoreTile(const bf16* q, int d, const bf16* const* blocks, const bf16* const* next, float* scores) {
  __m512 acc[R][B] = {};
  for (int i = 0; i < d; i += 2) {
    __m512bh k[B];
    Unroll<B>(PUNA_UNROLLED(b) { k[b] = (__m512bh)_mm512_loadu_si512(blocks[b] + i * kSlots); });
    if (next != nullptr) Unroll<B>(PUNA_UNROLLED(b) { Fetch(next[b] + i * kSlots); });
    Unroll<R>(PUNA_UNROLLED(r) {
      const __m512bh x = BroadcastPair(q + r * d + i);
      Unroll<B>(PUNA_UNROLLED(b) { acc[r][b] = _mm512_dpbf16_ps(acc[r][b], x, k[b]); });
    });
  }
  Unroll<R>(PUNA_UNROLLED(r) {
    Unroll<B>(PUNA_UNROLLED(b) { _mm512_storeu_ps(scores + r * kSpan + b * kSlots, acc[r][b]); });
  });
}

template <int R, int V>
void ValueTile(const bf16* weights, const bf16* const* blocks, const bf16* const* next, int pairs, int d, int first,
               float* acc) {
  __m512 sum[R][V] = {};
  for (int p = 0; p < pairs; ++p) {
    const int place = (p % (kSlots / 2) * d + first) * 2;
    const bf16* values = blocks[p / (kSlots / 2)] + place;
    if (next != nullptr) Unroll<V>(PUNA_UNROLLED(c) { Fetch(next[p / (kSlots / 2)] + place + 32 * c); });
    __m512bh v[V];
    Unroll<V>(PUNA_UNROLLED(c) { v[c] = (__m512bh)_mm512_loadu_si512(values + 32 * c); });
    Unroll<R>(PUNA_UNROLLED(r) {
      const __m512bh x = BroadcastPair(weights + r * kSpan + 2 * p);
      Unroll<V>(PUNA_UNROLLED(c) { sum[r][c] = _mm512_dpbf16_ps(sum[r][c], x, v[c]); });
    });
  }
  Unroll<R>(PUNA_UNROLLED(r) {
    Unroll<V>(PUNA_UNROLLED(c) { _mm512_storeu_ps(acc + r * d + 16 * c, sum[r][c]); });
  });
}

}  // namespace
}  // namespace puna::engine

#include "engine/kernels/attention.inc"

namespace puna::engine {

const AttentionKernels& Avx512Bf16AttentionKernels() { return kKernels; }

}  // namespace puna::engine
