// Sixteen floats at a time in plain C++ (the compilers' vector extension), so that one source serves every instruction
// set: a file that includes it is compiled once per set. Reductions go through a fixed tree, so that all sets give the
// same bits. Everything has internal linkage: each set keeps its own copy.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "engine/base/bf16.h"

namespace puna::engine {
namespace {

using f32x16 = float __attribute__((vector_size(64)));
using f32x8 = float __attribute__((vector_size(32)));
using f32x4 = float __attribute__((vector_size(16)));
using i32x16 = int32_t __attribute__((vector_size(64)));
using u32x16 = uint32_t __attribute__((vector_size(64)));
using u16x16 = uint16_t __attribute__((vector_size(32)));
using i8x16 = int8_t __attribute__((vector_size(16)));

inline f32x16 Splat(float x) { return f32x16{} + x; }

inline f32x16 Load(const float* p) {
  f32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void Store(float* p, f32x16 v) { std::memcpy(p, &v, sizeof v); }

// The first n (< 16) elements, zero behind them.
inline f32x16 LoadPart(const float* p, int64_t n) {
  f32x16 v{};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}

inline void StorePart(float* p, f32x16 v, int64_t n) { std::memcpy(p, &v, n * sizeof(float)); }

inline f32x16 LoadBf16(const bf16* p) {
  u16x16 raw;
  std::memcpy(&raw, p, sizeof raw);
  const u32x16 wide = __builtin_convertvector(raw, u32x16) << 16;
  return std::bit_cast<f32x16>(wide);
}

// Rounded to nearest even to what bf16 holds; NaN is not looked after (weights and activations have none that matter).
inline f32x16 RoundToBf16(f32x16 v) {
  const u32x16 u = std::bit_cast<u32x16>(v);
  const u32x16 rounded = (u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u;
  return std::bit_cast<f32x16>(rounded);
}

// v holds what bf16 holds.
inline void StoreExactBf16(bf16* p, f32x16 v) {
  const u16x16 raw = __builtin_convertvector(std::bit_cast<u32x16>(v) >> 16, u16x16);
  std::memcpy(static_cast<void*>(p), &raw, sizeof raw);
}

inline void StoreBf16(bf16* p, f32x16 v) { StoreExactBf16(p, RoundToBf16(v)); }

inline f32x16 Max(f32x16 a, f32x16 b) { return a > b ? a : b; }
inline f32x16 Min(f32x16 a, f32x16 b) { return a < b ? a : b; }
inline f32x16 Abs(f32x16 v) {
  const u32x16 u = std::bit_cast<u32x16>(v) & 0x7fffffffu;
  return std::bit_cast<f32x16>(u);
}

inline f32x8 LowerHalf(f32x16 v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); }
inline f32x8 UpperHalf(f32x16 v) { return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15); }
inline f32x4 LowerHalf(f32x8 v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3); }
inline f32x4 UpperHalf(f32x8 v) { return __builtin_shufflevector(v, v, 4, 5, 6, 7); }

// ((0+8)+(4+12)) + ... : halves are folded onto each other, always in this order.
inline float Sum(f32x16 v) {
  const f32x8 x = LowerHalf(v) + UpperHalf(v);
  const f32x4 y = LowerHalf(x) + UpperHalf(x);
  return (y[0] + y[2]) + (y[1] + y[3]);
}

inline float MaxOf(f32x16 v) {
  const f32x8 a = LowerHalf(v), b = UpperHalf(v);
  const f32x8 x = a > b ? a : b;
  const f32x4 c = LowerHalf(x), d = UpperHalf(x);
  const f32x4 y = c > d ? c : d;
  const float even = y[0] > y[2] ? y[0] : y[2], odd = y[1] > y[3] ? y[1] : y[3];
  return even > odd ? even : odd;
}

// Nearest integer, ties to even, for |x| < 2^22: the float adder rounds.
inline f32x16 RoundEven(f32x16 x) {
  const f32x16 magic = Splat(12582912.0f);  // 1.5 * 2^23
  return (x + magic) - magic;
}

// e^x to about one unit in the last place on [-87.3, 88.7]; flushes to the ends outside. Range reduction by ln 2 in two
// parts and a polynomial of degree 6 (the scheme of Cephes' expf).
inline f32x16 Exp(f32x16 x) {
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
  const i32x16 half = __builtin_convertvector(n, i32x16) >> 1;  // 2^n in two factors: n may be 128
  const i32x16 rest = __builtin_convertvector(n, i32x16) - half;
  const i32x16 a = (half + 127) << 23;
  const i32x16 b = (rest + 127) << 23;
  return p * std::bit_cast<f32x16>(a) * std::bit_cast<f32x16>(b);
}

// 2^x on [-126, 127], flushed outside; a Taylor polynomial of degree 7 in r ln 2, |r| <= 1/2.
inline f32x16 Exp2(f32x16 x) {
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
  const i32x16 power = (__builtin_convertvector(n, i32x16) + 127) << 23;
  return p * std::bit_cast<f32x16>(power);
}

}  // namespace
}  // namespace puna::engine
