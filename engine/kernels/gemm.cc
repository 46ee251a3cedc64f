#include "engine/kernels/gemm.h"

namespace puna::engine {


const GemmKernels& GetGemmKernels(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return ScalarGemmKernels();
    case Isa::kAvx2: return Avx2GemmKernels();
    case Isa::kAvx2Vnni: return HasVexVnni() ? Avx2VnniGemmKernels() : Vnni256GemmKernels();
    case Isa::kAvx512: return Avx512GemmKernels();
    case Isa::kAvx512Bf16: return Avx512Bf16GemmKernels();
  }
  return ScalarGemmKernels();
}

}  // namespace puna::engine
