// Functions of sixteen numbers, in basic operations alone: all instruction sets give the same bits.
#pragma once

#include "engine/kernels/vec16.h"

namespace puna::engine {
namespace {

PUNA_INLINE f32x16 Abs(f32x16 v) { return BitsAs<float>(BitsAs<uint32_t>(v) & 0x7fffffffu); }

// sum + a * b for a product that float32 holds exactly (of two bf16): fused or not, the bits are the same.
template <typename V>
PUNA_INLINE V AddExactProduct(V sum, V a, V b) {
  if constexpr (kIsTwice<V>) {
    return {AddExactProduct(sum.low, a.low, b.low), AddExactProduct(sum.high, a.high, b.high)};
#if defined(__AVX512F__)
  } else if constexpr (sizeof(V) == 64) {
    return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#endif
#if defined(__FMA__)
  } else if constexpr (sizeof(V) == 32) {
    return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#endif
#if defined(__ARM_NEON)
  } else if constexpr (sizeof(V) == 16) {
    return (V)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#endif
  } else {
    return sum + a * b;
  }
}

// Nearest integer, ties to even, for |x| < 2^22: the float adder rounds.
PUNA_INLINE f32x16 RoundEven(f32x16 x) {
  const f32x16 magic = Splat(12582912.0f);  // 1.5 * 2^23
  return (x + magic) - magic;
}

// e^x to about one unit in the last place on [-87.3, 88.7]; flushes to the ends outside. Range reduction by ln 2 in two parts
// and a polynomial of degree 6 (the scheme of Cephes' expf).
PUNA_INLINE f32x16 Exp(f32x16 x) {
  x = Min(Max(x, Splat(-87.3f)), Splat(88.7f));
  const f32x16 n = RoundEven(x * 1.44269504088896341f);
  f32x16 r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  f32x16 p = Splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const i32x16 half = ConvertTo<int32_t>(n) >> 1;  // 2^n in two factors: n may be 128
  const i32x16 rest = ConvertTo<int32_t>(n) - half;
  const i32x16 a = (half + 127) << 23;
  const i32x16 b = (rest + 127) << 23;
  return p * BitsAs<float>(a) * BitsAs<float>(b);
}

// 2^x on [-126, 127], flushed outside; a Taylor polynomial of degree 7 in r ln 2, |r| <= 1/2.
PUNA_INLINE f32x16 Exp2(f32x16 x) {
  x = Min(Max(x, Splat(-126.0f)), Splat(127.0f));
  const f32x16 n = RoundEven(x);
  const f32x16 r = (x - n) * 0.693147180559945f;
  f32x16 p = Splat(1.9841269841e-4f);
  p = p * r + 1.3888888889e-3f;
  p = p * r + 8.3333333333e-3f;
  p = p * r + 4.1666666667e-2f;
  p = p * r + 1.6666666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const i32x16 power = (ConvertTo<int32_t>(n) + 127) << 23;
  return p * BitsAs<float>(power);
}

}  // namespace
}  // namespace puna::engine
