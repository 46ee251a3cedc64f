#include <immintrin.h>

#include "engine/kernels/ceiling.h"
#include "engine/kernels/unroll.h"

#define PUNA_DPBUSD(sum, u8, s8) _mm512_dpbusd_epi32(sum, u8, s8)
#define PUNA_TO_FLOATS(ints) _mm512_cvtepi32_ps(ints)

namespace puna::engine {
namespace {

using Ints = __m512i;
using Floats = __m512;
constexpr int kInt4Sums = 12, kInt8Sums = 24, kInt8Products = 64;

inline __m512 MulAdd(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }

#include "engine/kernels/ceiling_vnni.inc"

}  // namespace

Ceilings Avx512Ceilings() { return {kInt4Loop, kInt8Loop, kFloatLoop}; }

}  // namespace puna::engine
