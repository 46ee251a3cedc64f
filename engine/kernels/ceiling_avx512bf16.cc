#include <immintrin.h>

#include "engine/kernels/ceiling.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

constexpr int kSums = 24;

void Bf16Rounds(int64_t rounds) {
  __m512bh w{}, x{};
  __m512 sums[kSums] = {};
  asm volatile("" : "+v"(w), "+v"(x));
  for (int64_t i = 0; i < rounds; ++i) {
    Unroll<kSums>(PUNA_UNROLLED(s) {
      sums[s] = _mm512_dpbf16_ps(sums[s], w, x);
      asm volatile("" : "+v"(sums[s]));
    });
  }
}

}  // namespace

Ceilings Avx512Bf16Ceilings() {
  Ceilings ceilings = Avx512Ceilings();
  ceilings.bf16 = {Bf16Rounds, 2.0 * 32 * kSums};
  return ceilings;
}

}  // namespace puna::engine
