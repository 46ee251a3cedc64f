#include "engine/kernels/elementwise.inc"

namespace puna::engine {

const ElementwiseKernels& Avx2ElementwiseKernels() { return kKernels; }

}  // namespace puna::engine
