#include "engine/kernels/gemm.h"

namespace puna::engine {

const GemmKernels& ScalarGemmKernels();
const GemmKernels& Avx2GemmKernels();
const GemmKernels& Avx512GemmKernels();
const GemmKernels& Avx512Bf16GemmKernels();

const GemmKernels& GetGemmKernels(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return ScalarGemmKernels();
    case Isa::kAvx2: return Avx2GemmKernels();
    case Isa::kAvx512: return Avx512GemmKernels();
    case Isa::kAvx512Bf16: return Avx512Bf16GemmKernels();
  }
  return ScalarGemmKernels();
}

}  // namespace puna::engine
