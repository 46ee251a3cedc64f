#include "engine/kernels/ceiling_256.h"

#define PUNA_DPBUSD(sum, u8, s8) _mm256_dpbusd_epi32(sum, u8, s8)
#define PUNA_TO_FLOATS(ints) _mm256_cvtepi32_ps(ints)

namespace puna::engine {
namespace {

constexpr int kInt4Sums = 6, kInt8Sums = 12, kInt8Products = 32;

#include "engine/kernels/ceiling_vnni.inc"

}  // namespace

Ceilings Vnni256Ceilings() { return {kInt4Loop, kInt8Loop, kFloatLoop}; }

}  // namespace puna::engine
