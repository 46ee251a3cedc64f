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

template <int R, int B>
[[gnu::noinline]] void ScoreTile(const bf16* q, int d, const uint8_t* const* blocks, const uint8_t* const* next,
                                 float* scores) {
  __m512 acc[R][B] = {};
  for (int i = 0; i < d; i += 2) {
    __m512bh k[B];
    Unroll<B>(PUNA_UNROLLED(b) {
      k[b] = (__m512bh)_mm512_loadu_si512(reinterpret_cast<const bf16*>(blocks[b]) + i * kSlots);
    });
    if (next != nullptr) Unroll<B>(PUNA_UNROLLED(b) { Fetch(next[b] + 2 * i * kSlots); });
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
[[gnu::noinline]] void ValueTile(const bf16* weights, const uint8_t* const* blocks, const uint8_t* const* next,
                                 int pairs, int d, int first, float* acc) {
  __m512 sum[R][V] = {};
  for (int p = 0; p < pairs; ++p) {
    const int place = (p % (kSlots / 2) * d + first) * 2;
    const bf16* values = reinterpret_cast<const bf16*>(blocks[p / (kSlots / 2)]) + place;
    if (next != nullptr) Unroll<V>(PUNA_UNROLLED(c) { Fetch(next[p / (kSlots / 2)] + 2 * (place + 32 * c)); });
    __m512bh v[V];
    Unroll<V>(PUNA_UNROLLED(c) { v[c] = (__m512bh)_mm512_loadu_si512(values + 32 * c); });
    Unroll<R>(PUNA_UNROLLED(r) {
      const __m512bh x = BroadcastPair(weights + r * kSpan + 2 * p);
      Unroll<V>(PUNA_UNROLLED(c) { sum[r][c] = _mm512_dpbf16_ps(sum[r][c], x, v[c]); });
    });
  }
  Unroll<R>(PUNA_UNROLLED(r) { Unroll<V>(PUNA_UNROLLED(c) { _mm512_storeu_ps(acc + r * d + 16 * c, sum[r][c]); }); });
}

}  // namespace
}  // namespace puna::engine

#include "engine/kernels/attention.inc"

namespace puna::engine {

const AttentionKernels& Avx512Bf16AttentionKernels() { return kKernels; }

}  // namespace puna::engine
