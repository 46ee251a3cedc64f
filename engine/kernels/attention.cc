#include "engine/kernels/attention.h"

namespace puna::engine {

const AttentionKernels& ScalarAttentionKernels();
const AttentionKernels& NeonAttentionKernels();
const AttentionKernels& Avx2AttentionKernels();
const AttentionKernels& Avx2VnniAttentionKernels();
const AttentionKernels& Vnni256AttentionKernels();
const AttentionKernels& Avx512AttentionKernels();
const AttentionKernels& Avx512Bf16AttentionKernels();

const AttentionKernels& GetAttentionKernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return Avx2AttentionKernels();
    case Isa::kAvx2Vnni:
      return HasVexVnni() ? Avx2VnniAttentionKernels() : Vnni256AttentionKernels();
    case Isa::kAvx512:
      return Avx512AttentionKernels();
    case Isa::kAvx512Bf16:
      return Avx512Bf16AttentionKernels();
#elif defined(__aarch64__)
    case Isa::kNeon:
    case Isa::kDotProd:
    case Isa::kI8mm:
      return NeonAttentionKernels();
#endif
    default:
      return ScalarAttentionKernels();
  }
}

}  // namespace puna::engine
