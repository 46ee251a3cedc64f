// What the ceilings of 256-bit sets share. Everything has internal linkage.
#pragma once

#include <immintrin.h>

#include "engine/kernels/ceiling.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

using Ints = __m256i;
using Floats = __m256;

inline __m256 MulAdd(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }

}  // namespace
}  // namespace puna::engine
