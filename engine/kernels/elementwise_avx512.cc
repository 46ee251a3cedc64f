#include "engine/kernels/elementwise.inc"

namespace puna::engine {

const ElementwiseKernels& Avx512ElementwiseKernels() { return kKernels; }

}  // namespace puna::engine
