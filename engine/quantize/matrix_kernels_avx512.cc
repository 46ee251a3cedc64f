#include "engine/quantize/matrix_kernels.h"

namespace puna::engine::avx512 {

constexpr int kWide = 16;  // floats in a vector

#include "engine/quantize/matrix_kernels.inc"

}  // namespace puna::engine::avx512
