#include "engine/kernels/elementwise.inc"

namespace puna::engine {

const ElementwiseKernels& ScalarElementwiseKernels() { return kKernels; }

}  // namespace puna::engine
