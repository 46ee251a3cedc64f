// Sixteen numbers at a time in plain C++ (the compilers' vector extension), so that one source serves every instruction set:
// a file that includes it is compiled once per set. Reductions go through a fixed tree, so that all sets give the same bits.
// Everything has internal linkage: each set keeps its own copy.
//
// PUNA_HALF_REGISTERS, defined before: 256-bit registers where AVX-512 has larger ones.
//
// A vector is one register where the set has one that large, and otherwise two vectors of half the lanes (Twice). Wider vector
// types than the registers must not be used: g++ 12 lowers them to stores and loads of single lanes (17 times slower).
// tests/object_code.py watches over it.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "engine/base/bf16.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

#if defined(__AVX512F__) && !defined(PUNA_HALF_REGISTERS)
inline constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kRegisterBytes = 32;
#else
inline constexpr int kRegisterBytes = 16;  // SSE2, NEON
#endif

template <typename T, int kLanes>
using Register [[gnu::vector_size(kLanes * sizeof(T))]] = T;

template <typename H>
struct Twice {
  H low, high;
};

template <typename T, int kLanes, bool kFits>
struct VectorOf {
  using Type = Register<T, kLanes>;
};
template <typename T, int kLanes>
struct VectorOf<T, kLanes, false> {
  static constexpr bool kHalfFits = kLanes / 2 * sizeof(T) <= kRegisterBytes;
  using Type = Twice<typename VectorOf<T, kLanes / 2, kHalfFits>::Type>;
};

template <typename T, int kLanes>
using Vector = typename VectorOf<T, kLanes, kLanes * sizeof(T) <= kRegisterBytes>::Type;

using f32x16 = Vector<float, 16>;
using i32x16 = Vector<int32_t, 16>;
using u32x16 = Vector<uint32_t, 16>;

// --- Facts of a vector type.

template <typename V>
struct Facts {
  using Element = std::remove_cvref_t<decltype(V{}[0])>;
  template <typename T>
  using With = Register<T, sizeof(V) / sizeof(Element)>;  // as many lanes of another type
};
template <typename H>
struct Facts<Twice<H>> {
  using Element = typename Facts<H>::Element;
  template <typename T>
  using With = Twice<typename Facts<H>::template With<T>>;
};
template <typename V>
using ElementOf = typename Facts<V>::Element;
template <typename V>
inline constexpr int kLanesOf = sizeof(V) / sizeof(ElementOf<V>);
template <typename V>
inline constexpr bool kIsTwice = false;
template <typename H>
inline constexpr bool kIsTwice<Twice<H>> = true;

// --- Arithmetic, lane by lane; a scalar stands for a vector of it.

#define PUNA_TWICE_OPERATOR(op)                                               \
  template <typename H>                                                       \
  PUNA_INLINE auto operator op(Twice<H> a, Twice<H> b) {                      \
    return Twice<decltype(a.low op b.low)>{a.low op b.low, a.high op b.high}; \
  }                                                                           \
  template <typename H>                                                       \
  PUNA_INLINE auto operator op(Twice<H> a, ElementOf<H> b) {                  \
    return Twice<decltype(a.low op b)>{a.low op b, a.high op b};              \
  }
PUNA_TWICE_OPERATOR(+)
PUNA_TWICE_OPERATOR(-)
PUNA_TWICE_OPERATOR(*)
PUNA_TWICE_OPERATOR(/)
PUNA_TWICE_OPERATOR(&)
PUNA_TWICE_OPERATOR(|)
PUNA_TWICE_OPERATOR(^)
PUNA_TWICE_OPERATOR(<)
PUNA_TWICE_OPERATOR(>)
#undef PUNA_TWICE_OPERATOR

template <typename H>
PUNA_INLINE Twice<H> operator<<(Twice<H> a, int bits) {
  return {a.low << bits, a.high << bits};
}
template <typename H>
PUNA_INLINE Twice<H> operator>>(Twice<H> a, int bits) {
  return {a.low >> bits, a.high >> bits};
}
template <typename H>
PUNA_INLINE Twice<H> operator-(Twice<H> a) {
  return {-a.low, -a.high};
}
template <typename H>
PUNA_INLINE Twice<H>& operator+=(Twice<H>& a, Twice<H> b) {
  return a = a + b;
}

template <typename V, int... I>
PUNA_INLINE V FillLanes(ElementOf<V> x, std::integer_sequence<int, I...>) {
  return V{(static_cast<void>(I), x)...};
}
template <typename V>
PUNA_INLINE V Fill(ElementOf<V> x) {
  if constexpr (kIsTwice<V>) {
    return {Fill<decltype(V::low)>(x), Fill<decltype(V::low)>(x)};
  } else {
    return FillLanes<V>(x, std::make_integer_sequence<int, kLanesOf<V>>{});
  }
}
PUNA_INLINE f32x16 Splat(float x) { return Fill<f32x16>(x); }

// mask ? a : b in each lane; the mask is what a comparison returned.
template <typename M, typename V>
PUNA_INLINE V Select(M mask, V a, V b) {
  if constexpr (kIsTwice<V>) {
    return {Select(mask.low, a.low, b.low), Select(mask.high, a.high, b.high)};
  } else {
    return mask ? a : b;
  }
}

// a > b ? a : b, and a < b ? a : b: b where one of them is a NaN. (g++ makes two instructions of the expression.)
template <typename V>
PUNA_INLINE V Max(V a, V b) {
  if constexpr (kIsTwice<V>) {
    return {Max(a.low, b.low), Max(a.high, b.high)};
#if defined(__AVX512F__)
  } else if constexpr (sizeof(V) == 64) {
    return (V)_mm512_max_ps((__m512)a, (__m512)b);
#endif
#if defined(__AVX__)
  } else if constexpr (sizeof(V) == 32) {
    return (V)_mm256_max_ps((__m256)a, (__m256)b);
#endif
#if defined(__SSE2__)
  } else if constexpr (sizeof(V) == 16) {
    return (V)_mm_max_ps((__m128)a, (__m128)b);
#endif
  } else {
    return a > b ? a : b;
  }
}
template <typename V>
PUNA_INLINE V Min(V a, V b) {
  if constexpr (kIsTwice<V>) {
    return {Min(a.low, b.low), Min(a.high, b.high)};
#if defined(__AVX512F__)
  } else if constexpr (sizeof(V) == 64) {
    return (V)_mm512_min_ps((__m512)a, (__m512)b);
#endif
#if defined(__AVX__)
  } else if constexpr (sizeof(V) == 32) {
    return (V)_mm256_min_ps((__m256)a, (__m256)b);
#endif
#if defined(__SSE2__)
  } else if constexpr (sizeof(V) == 16) {
    return (V)_mm_min_ps((__m128)a, (__m128)b);
#endif
  } else {
    return a < b ? a : b;
  }
}

// --- Other views of the same bits, and conversions of the lanes' numbers.

template <typename T, typename V>
PUNA_INLINE auto BitsAs(V v) {
  using Result = typename Facts<V>::template With<T>;
  if constexpr (kIsTwice<V>) {
    return Result{BitsAs<T>(v.low), BitsAs<T>(v.high)};
  } else {
    return (Result)v;
  }
}

template <typename T, typename V>
PUNA_INLINE auto ConvertTo(V v) {
  using Result = typename Facts<V>::template With<T>;
  if constexpr (kIsTwice<V>) {
    return Result{ConvertTo<T>(v.low), ConvertTo<T>(v.high)};
  } else {
    return __builtin_convertvector(v, Result);
  }
}

// --- Memory.

template <typename V>
PUNA_INLINE V LoadAs(const void* p) {
  if constexpr (kIsTwice<V>) {
    const auto* bytes = static_cast<const uint8_t*>(p);
    return {LoadAs<decltype(V::low)>(bytes), LoadAs<decltype(V::low)>(bytes + sizeof(V) / 2)};
  } else {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
}

template <typename V>
PUNA_INLINE void StoreAs(void* p, V v) {
  if constexpr (kIsTwice<V>) {
    StoreAs(p, v.low);
    StoreAs(static_cast<uint8_t*>(p) + sizeof(V) / 2, v.high);
  } else {
    std::memcpy(p, &v, sizeof v);
  }
}

PUNA_INLINE f32x16 Load(const float* p) { return LoadAs<f32x16>(p); }
PUNA_INLINE void Store(float* p, f32x16 v) { StoreAs(p, v); }

// The first n (< 16) elements, zero behind them.
PUNA_INLINE f32x16 LoadPart(const float* p, int64_t n) {
  alignas(64) float part[16] = {};
  std::memcpy(part, p, n * sizeof(float));
  return Load(part);
}

PUNA_INLINE void StorePart(float* p, f32x16 v, int64_t n) {
  alignas(64) float part[16];
  Store(part, v);
  std::memcpy(p, part, n * sizeof(float));
}

// Narrower numbers in memory, as many as V has lanes.
template <typename V, typename Narrow>
PUNA_INLINE V LoadWidened(const Narrow* p) {
  if constexpr (kIsTwice<V>) {
    return {LoadWidened<decltype(V::low)>(p), LoadWidened<decltype(V::low)>(p + kLanesOf<V> / 2)};
  } else {
    Register<Narrow, kLanesOf<V>> narrow;
    std::memcpy(&narrow, p, sizeof narrow);
    return __builtin_convertvector(narrow, V);
  }
}

// Lanes that Narrow holds.
template <typename Narrow, typename V>
PUNA_INLINE void StoreNarrowed(Narrow* p, V v) {
  if constexpr (kIsTwice<V>) {
    StoreNarrowed(p, v.low);
    StoreNarrowed(p + kLanesOf<V> / 2, v.high);
  } else {
    const auto narrow = __builtin_convertvector(v, Register<Narrow, kLanesOf<V>>);
    std::memcpy(p, &narrow, sizeof narrow);
  }
}

#if defined(__AVX2__) && (!defined(__AVX512F__) || defined(PUNA_HALF_REGISTERS))
// (The packing instructions work in halves of a register; the permutation puts their quarters in order.)
PUNA_INLINE void StoreNarrowed(uint16_t* p, u32x16 v) {
  const __m256i packed = _mm256_packus_epi32((__m256i)v.low, (__m256i)v.high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
PUNA_INLINE void StoreNarrowed(int16_t* p, i32x16 v) {
  const __m256i packed = _mm256_packs_epi32((__m256i)v.low, (__m256i)v.high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
PUNA_INLINE void StoreNarrowed(int8_t* p, i32x16 v) {
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)v.low, (__m256i)v.high), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
#elif defined(__ARM_NEON)
template <typename V>
PUNA_INLINE int16x8_t Narrowed(Twice<V> v) {
  return vcombine_s16(vmovn_s32((int32x4_t)v.low), vmovn_s32((int32x4_t)v.high));
}
PUNA_INLINE void StoreNarrowed(uint16_t* p, u32x16 v) {
  vst1q_u16(p, vreinterpretq_u16_s16(Narrowed(v.low)));
  vst1q_u16(p + 8, vreinterpretq_u16_s16(Narrowed(v.high)));
}
PUNA_INLINE void StoreNarrowed(int16_t* p, i32x16 v) {
  vst1q_s16(p, Narrowed(v.low));
  vst1q_s16(p + 8, Narrowed(v.high));
}
PUNA_INLINE void StoreNarrowed(int8_t* p, i32x16 v) {
  vst1q_s8(p, vcombine_s8(vmovn_s16(Narrowed(v.low)), vmovn_s16(Narrowed(v.high))));
}
#elif defined(__SSE2__) && !defined(__AVX2__)
PUNA_INLINE void StoreNarrowed(int16_t* p, i32x16 v) {
  auto* to = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(to, _mm_packs_epi32((__m128i)v.low.low, (__m128i)v.low.high));
  _mm_storeu_si128(to + 1, _mm_packs_epi32((__m128i)v.high.low, (__m128i)v.high.high));
}
PUNA_INLINE void StoreNarrowed(int8_t* p, i32x16 v) {
  const __m128i low = _mm_packs_epi32((__m128i)v.low.low, (__m128i)v.low.high);
  const __m128i high = _mm_packs_epi32((__m128i)v.high.low, (__m128i)v.high.high);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(low, high));
}
#endif

PUNA_INLINE f32x16 LoadBf16(const bf16* p) {
  return BitsAs<float>(LoadWidened<u32x16>(reinterpret_cast<const uint16_t*>(p)) << 16);
}

// Rounded to nearest even to what bf16 holds; NaN is not looked after (weights and activations have none that matter).
PUNA_INLINE f32x16 RoundToBf16(f32x16 v) {
  const u32x16 u = BitsAs<uint32_t>(v);
  return BitsAs<float>((u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u);
}

// v holds what bf16 holds.
PUNA_INLINE void StoreExactBf16(bf16* p, f32x16 v) {
  StoreNarrowed(reinterpret_cast<uint16_t*>(p), BitsAs<uint32_t>(v) >> 16);
}

PUNA_INLINE void StoreBf16(bf16* p, f32x16 v) { StoreExactBf16(p, RoundToBf16(v)); }

// --- Reductions: ((0+8)+(4+12)) + ... : halves are folded onto each other, always in this order.

template <typename V>
struct Halves {
  Register<ElementOf<V>, kLanesOf<V> / 2> low, high;
};
template <typename V>
PUNA_INLINE auto HalvesOf(V v) {
  if constexpr (kIsTwice<V>) {
    return v;
  } else if constexpr (kLanesOf<V> == 16) {
    return Halves<V>{__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                     __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)};
  } else {
    return Halves<V>{__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)};
  }
}

template <typename V, typename Op>
PUNA_INLINE auto Fold(V v, const Op& op) {
  if constexpr (!kIsTwice<V> && kLanesOf<V> == 4) {
    return op(op(v[0], v[2]), op(v[1], v[3]));
  } else {
    const auto halves = HalvesOf(v);
    return Fold(op(halves.low, halves.high), op);
  }
}

PUNA_INLINE float Sum(f32x16 v) {
  return Fold(
      v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}
PUNA_INLINE float MaxOf(f32x16 v) {
  return Fold(
      v, [](auto a, auto b) __attribute__((always_inline)) {
        if constexpr (std::is_same_v<decltype(a), float>) {
          return a > b ? a : b;
        } else {
          return Max(a, b);
        }
      });
}

template <typename V>
PUNA_INLINE auto FirstLane(V v) {
  if constexpr (kIsTwice<V>) {
    return FirstLane(v.low);
  } else {
    return v[0];
  }
}

// 0, 1, ... 15.
PUNA_INLINE i32x16 LaneNumbers() {
  static constexpr int32_t kNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return LoadAs<i32x16>(kNumbers);
}

}  // namespace
}  // namespace puna::engine
