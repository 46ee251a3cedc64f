// Sixteen 32-bit sums of products of pairs of 16-bit integers: what attention over int8 computes with, on each instruction set
// by its own dot product, and everywhere exact. Products and sums must stay below 2^31.
#pragma once

#include "engine/kernels/vec16.h"

namespace puna::engine {
namespace {

#if defined(__AVX2__)

// [16 lanes][2].
using Pairs16 = Vector<int16_t, 32>;

PUNA_INLINE Pairs16 LoadPairs16(const int16_t* p) { return LoadAs<Pairs16>(p); }

// (One instruction a register, which g++ 12 does not find by itself.)
template <typename P = Pairs16>
PUNA_INLINE P LoadPairs16(const int8_t* p) {
  if constexpr (kIsTwice<P>) {
    return {LoadPairs16<decltype(P::low)>(p), LoadPairs16<decltype(P::low)>(p + sizeof(P) / 4)};
#if defined(__AVX512F__)
  } else if constexpr (sizeof(P) == 64) {
    return (P)_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#endif
  } else {
    return (P)_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
}

// One pair in all lanes.
template <typename P = Pairs16>
PUNA_INLINE P SplatPair16(const int16_t* p) {
  if constexpr (kIsTwice<P>) {
    const auto half = SplatPair16<decltype(P::low)>(p);
    return {half, half};
  } else {
    int32_t pair;
    std::memcpy(&pair, p, sizeof pair);
    return (P)Fill<Register<int32_t, kLanesOf<P> / 2>>(pair);
  }
}

template <typename S, typename P>
PUNA_INLINE S AddPairProducts(S sum, P a, P b) {
  if constexpr (kIsTwice<S>) {
    return {AddPairProducts(sum.low, a.low, b.low), AddPairProducts(sum.high, a.high, b.high)};
#if defined(__AVX512F__)
  } else if constexpr (sizeof(S) == 64) {
    return (S)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#endif
  } else {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return (S)_mm256_dpwssd_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#elif defined(__AVXVNNI__)
    return (S)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#else
    sum = (S)_mm256_add_epi32((__m256i)sum, _mm256_madd_epi16((__m256i)a, (__m256i)b));
    asm("" : "+x"(sum));  // or g++ makes a tree of the additions, and keeps all products alive
    return sum;
#endif
  }
}

#else

// Both members of each lane's pair.
struct Pairs16 {
  i32x16 even, odd;
};

PUNA_INLINE Pairs16 LoadPairs16(const int16_t* p) {
  const i32x16 both = LoadAs<i32x16>(p);
  return {both << 16 >> 16, both >> 16};
}
PUNA_INLINE Pairs16 LoadPairs16(const int8_t* p) {
  const i32x16 both = LoadWidened<i32x16>(reinterpret_cast<const int16_t*>(p));
  return {both << 24 >> 24, both >> 8};
}
PUNA_INLINE Pairs16 SplatPair16(const int16_t* p) { return {Fill<i32x16>(p[0]), Fill<i32x16>(p[1])}; }
PUNA_INLINE i32x16 AddPairProducts(i32x16 sum, const Pairs16& a, const Pairs16& b) {
  return sum + a.even * b.even + a.odd * b.odd;
}

#endif

// 32 codes widened to 16 bits.
PUNA_INLINE void WidenPairs16(const int8_t* codes, int16_t* wide) {
#if defined(__AVX2__)
  StoreAs(wide, LoadPairs16(codes));
#else
  for (int i = 0; i < 32; ++i) wide[i] = codes[i];
#endif
}

}  // namespace
}  // namespace puna::engine
