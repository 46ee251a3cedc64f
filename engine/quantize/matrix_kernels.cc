#include "engine/quantize/matrix_kernels.h"

namespace puna::engine {

SubtractProductFn GetSubtractProduct(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return avx2::SubtractProduct;
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return avx512::SubtractProduct;
#endif
    default:  // also ARM64's sets: the vectors of plain C++ are NEON's registers there
      return scalar::SubtractProduct;
  }
}

}  // namespace puna::engine
