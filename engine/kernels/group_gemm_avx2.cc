// Products with a GroupForm's panels for AVX2 and FMA. Codes of 4 to 6 bits are multiplied by vpmaddubsw, whose sums of 16 bits
// hold so many products in a row; codes of 8 bits by their size, with their sign on the activations.

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/kernels/unroll.h"

#define PUNA_VECTOR 32
#define PUNA_RUNS PUNA_RUN(8) PUNA_RUN(4) PUNA_RUN(2) PUNA_RUN(1)

namespace puna::engine {
namespace {

constexpr bool kSigned8 = true;

#include "engine/kernels/group_avx2.inc"
#include "engine/kernels/group_expand.inc"

// Quads whose products a sum of 16 bits holds: 2 * 127 times 15 * 8, 31 * 4 or 63 * 2 stays below 32768, and so does 2 * 127 * 128,
// the sizes of signed codes. A run ends with its group.
constexpr int RunOf(GroupForm::Code code, bool half) {
  switch (code) {
    case GroupForm::Code::kInt4:
      return half ? 4 : 8;
    case GroupForm::Code::kInt5:
      return 4;
    case GroupForm::Code::kInt6:
      return 2;
    default:
      return 1;
  }
}

// Signed codes have no offset, and lack it where it belongs to the value.
template <int kRun, bool kMinimum>
[[gnu::always_inline]] inline IntVector Start(IntVector minus, int shift) {
  if constexpr (kRun == 1) {
    return kMinimum ? _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(minus, 7)) : _mm256_setzero_si256();
  } else {
    return kMinimum ? _mm256_setzero_si256() : ShiftLeft(minus, shift);
  }
}

// g++ takes chains of additions apart and keeps every product of a group alive: this holds them together.
[[gnu::always_inline]] inline void Pin(__m256i& sum) { asm("" : "+x"(sum)); }

template <int R, int C>
[[gnu::always_inline]] inline void AddPairs(const __m256i (&pairs)[R][C], IntVector (&dot)[R][C]) {
  const __m256i ones = _mm256_set1_epi16(1);
  Unroll<R>(PUNA_UNROLLED(r) {
    Unroll<C>(PUNA_UNROLLED(c) {
      dot[r][c] = _mm256_add_epi32(dot[r][c], _mm256_madd_epi16(pairs[r][c], ones));
      Pin(dot[r][c]);
    });
  });
}

// One run of unsigned codes.
template <int kRun, int kFirst, int R, int C, typename Codes>
[[gnu::always_inline]] inline void AddRun(const Codes& codes, const int32_t* x, IntVector (&dot)[R][C]) {
  __m256i pairs[R][C];
  Unroll<kRun>(PUNA_UNROLLED(i) {
    constexpr int q = kFirst + (kRun == 8 ? i / 2 + i % 2 * 4 : int{i});  // both nibbles of what is loaded
    __m256i w[C];
    Unroll<C>(PUNA_UNROLLED(c) { w[c] = codes.template Load<q>(c); });
    Unroll<R>(PUNA_UNROLLED(r) {
      const __m256i quad = SplatInt(x[q * R + r]);
      Unroll<C>(PUNA_UNROLLED(c) {
        const __m256i product = _mm256_maddubs_epi16(w[c], quad);
        pairs[r][c] = i == 0 ? product : _mm256_add_epi16(pairs[r][c], product);
        Pin(pairs[r][c]);
      });
    });
  });
  AddPairs<R, C>(pairs, dot);
}

template <int kFirst, int R, int C, typename Codes>
[[gnu::always_inline]] inline void AddSignedQuad(const Codes& codes, const int32_t* x, IntVector (&dot)[R][C]) {
  __m256i pairs[R][C];
  Unroll<C>(PUNA_UNROLLED(c) {
    const __m256i w = codes.template Load<kFirst>(c);
    const __m256i size = _mm256_abs_epi8(w);
    Unroll<R>(PUNA_UNROLLED(r) {
      pairs[r][c] = _mm256_maddubs_epi16(size, _mm256_sign_epi8(SplatInt(x[kFirst * R + r]), w));
    });
  });
  AddPairs<R, C>(pairs, dot);
}

template <int kRun, int kFirst, int kCount, int R, int C, typename Codes>
[[gnu::always_inline]] inline void AddDots(const Codes& codes, const int32_t* x, IntVector (&dot)[R][C]) {
  constexpr int kOwnRun = kRun < kCount ? kRun : kCount;
  Unroll<kCount / kOwnRun>(PUNA_UNROLLED(part) {
    constexpr int kAt = kFirst + part * kOwnRun;
    if constexpr (kOwnRun == 1) {
      AddSignedQuad<kAt, R, C>(codes, x, dot);
    } else {
      AddRun<kOwnRun, kAt, R, C>(codes, x, dot);
    }
  });
}

#include "engine/kernels/group_tiles.inc"

}  // namespace

const GroupProduct& Avx2GroupProduct() { return kProduct; }

}  // namespace puna::engine
