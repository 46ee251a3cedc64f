#include "engine/quantize/matrix_kernels.h"

namespace puna::engine::avx2 {

constexpr int kWide = 8;  // floats in a vector

#include "engine/quantize/matrix_kernels.inc"

}  // namespace puna::engine::avx2
