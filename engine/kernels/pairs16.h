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

#elif defined(__ARM_NEON) && !defined(PUNA_PLAIN_PAIRS)

// The members of sixteen lanes' pairs, apart: a product of a register of them and one number goes to two registers of sums.
struct Pairs16 {
  int16x8_t even[2], odd[2];
};
struct OnePair16 {
  int16_t even, odd;
};

PUNA_INLINE Pairs16 LoadPairs16(const int16_t* p) {
  const int16x8x2_t low = vld2q_s16(p), high = vld2q_s16(p + 16);
  return {{low.val[0], high.val[0]}, {low.val[1], high.val[1]}};
}
PUNA_INLINE Pairs16 LoadPairs16(const int8_t* p) {
  const int8x16x2_t bytes = vld2q_s8(p);
  return {{vmovl_s8(vget_low_s8(bytes.val[0])), vmovl_high_s8(bytes.val[0])},
          {vmovl_s8(vget_low_s8(bytes.val[1])), vmovl_high_s8(bytes.val[1])}};
}
PUNA_INLINE OnePair16 SplatPair16(const int16_t* p) { return {p[0], p[1]}; }

template <typename S>
PUNA_INLINE S AddProducts16(S sum, int16x8_t a, int16_t b) {
  return {(decltype(S::low))vmlal_n_s16((int32x4_t)sum.low, vget_low_s16(a), b),
          (decltype(S::low))vmlal_high_n_s16((int32x4_t)sum.high, a, b)};
}
PUNA_INLINE i32x16 AddPairProducts(i32x16 sum, const Pairs16& a, OnePair16 b) {
  return {AddProducts16(AddProducts16(sum.low, a.even[0], b.even), a.odd[0], b.odd),
          AddProducts16(AddProducts16(sum.high, a.even[1], b.even), a.odd[1], b.odd)};
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
#elif defined(__ARM_NEON)
  for (int i = 0; i < 32; i += 16) {
    vst1q_s16(wide + i, vmovl_s8(vld1_s8(codes + i)));
    vst1q_s16(wide + i + 8, vmovl_s8(vld1_s8(codes + i + 8)));
  }
#else
  for (int i = 0; i < 32; ++i) wide[i] = codes[i];
#endif
}

}  // namespace
}  // namespace puna::engine
