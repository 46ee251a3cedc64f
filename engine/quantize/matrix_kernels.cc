#include "engine/quantize/matrix_kernels.h"

namespace puna::engine {

SubtractProductFn GetSubtractProduct(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return scalar::SubtractProduct;
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return avx2::SubtractProduct;
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return avx512::SubtractProduct;
  }
  return scalar::SubtractProduct;
}

}  // namespace puna::engine
