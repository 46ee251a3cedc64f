// Weights in float8_e4m3fn with a scale per row, tensor or block: compressed-tensors "float-quantized", fbgemm_fp8 and
// transformers' fine-grained fp8.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// codes: F8_E4M3 [rows, cols]. scales, factors whatever their name: [rows, 1], [rows], [1] or [], or one per block
// [ceil(rows / block_rows), ceil(cols / block_cols)], whose last ones are short. Shapes are checked.
std::unique_ptr<WeightSource> MakeFloat8Source(const Tensor& codes, const Tensor& scales, int64_t block_rows,
                                               int64_t block_cols);

}  // namespace puna::engine
