// Products with a GroupForm's panels for AVX-512 with VNNI.

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/kernels/unroll.h"

#define PUNA_VECTOR 64

namespace puna::engine {
namespace {

constexpr bool kSigned8 = false;
constexpr bool kUnpackNibbles = false;
constexpr bool kByTurns = false;  // not measured there
using IntVector = __m512i;
using FloatVector = __m512;

FloatVector HalvesToFloats(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
FloatVector SignedToFloats(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
FloatVector UnsignedToFloats(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

template <typename Words>
Words Iq4Values(Words nibbles) {
  const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIq4Table));
  const __m512i table = _mm512_broadcast_i32x4(_mm_xor_si128(values, _mm_set1_epi8(-128)));
  return (Words)_mm512_shuffle_epi8(table, (__m512i)nibbles);
}

IntVector Dot(IntVector sum, IntVector u8, IntVector s8) { return _mm512_dpbusd_epi32(sum, u8, s8); }
FloatVector MulAdd(FloatVector a, FloatVector b, FloatVector c) { return _mm512_fmadd_ps(a, b, c); }
FloatVector MulSub(FloatVector a, FloatVector b, FloatVector c) { return _mm512_fnmadd_ps(a, b, c); }
FloatVector ToFloats(IntVector v) { return _mm512_cvtepi32_ps(v); }
IntVector SplatInt(int32_t v) { return _mm512_set1_epi32(v); }
FloatVector SplatFloat(float v) { return _mm512_set1_ps(v); }
IntVector ShiftLeft(IntVector v, int bits) { return _mm512_sll_epi32(v, _mm_cvtsi32_si128(bits)); }
constexpr int kTileRows = 4, kSweepTile = 4;
// Codes are taken apart faster than they are stored and loaded again; only values out of a table, and scales with minimums, are
// better made once for many tiles.
constexpr int SweepRows(const GroupForm& form) {
  const bool all = form.base == GroupForm::Base::kOffset && form.code != GroupForm::Code::kIq4;
  return all ? std::numeric_limits<int>::max() : 8;
}
constexpr int ColumnRegisters(int) { return 4; }

#include "engine/kernels/group_expand.inc"
#include "engine/kernels/group_vnni.inc"

#include "engine/kernels/group_tiles.inc"

}  // namespace

const GroupProduct& Avx512GroupProduct() { return kProduct; }

}  // namespace puna::engine
