#include "engine/quantize/matrix_kernels.h"

namespace puna::engine::scalar {

constexpr int kWide = 4;  // floats in a vector

#include "engine/quantize/matrix_kernels.inc"

}  // namespace puna::engine::scalar
