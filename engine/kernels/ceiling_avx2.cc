#include "engine/kernels/ceiling_256.h"

namespace puna::engine {
namespace {

constexpr int kInt4Sums = 5, kInt8Sums = 12, kInt8Products = 16;

inline void AddInt4(__m256i& sum, __m256i w, __m256i x) { sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x)); }
inline __m256 ToFloats(__m256i sum) { return _mm256_cvtepi32_ps(_mm256_madd_epi16(sum, _mm256_set1_epi16(1))); }
inline void AddInt8(__m256i& sum, __m256i w, __m256i x) { sum = _mm256_add_epi32(sum, _mm256_madd_epi16(w, x)); }

#include "engine/kernels/ceiling.inc"

}  // namespace

Ceilings Avx2Ceilings() { return {kInt4Loop, kInt8Loop, kFloatLoop}; }

}  // namespace puna::engine
