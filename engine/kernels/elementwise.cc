#include "engine/kernels/elementwise.h"

namespace puna::engine {

const ElementwiseKernels& ScalarElementwiseKernels();
const ElementwiseKernels& Avx2ElementwiseKernels();
const ElementwiseKernels& Avx512ElementwiseKernels();

const ElementwiseKernels& GetElementwiseKernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return Avx2ElementwiseKernels();
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return Avx512ElementwiseKernels();
#endif
    default:  // also ARM64's sets: the vectors of plain C++ are NEON's registers there
      return ScalarElementwiseKernels();
  }
}

}  // namespace puna::engine
