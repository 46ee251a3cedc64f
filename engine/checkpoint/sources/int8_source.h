// Integer weights in int8 containers [rows, cols], 4 or 8 bits of them used: compressed-tensors "int-quantized" and
// Meta's INT4_EO8.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/row_order.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// codes: I8 [rows, cols]. scales: [rows, groups], or [rows], or [1] (one for all). zeros: I8 of the shape of scales, or
// null. Shapes are checked; codes outside a 4-bit range show when they are read (std::runtime_error).
std::unique_ptr<WeightSource> MakeInt8Source(const Tensor& codes, const Tensor& scales, const Tensor* zeros, int bits,
                                             RowOrder order = {});

// How many scales each of `rows` rows of `cols` columns has, from the shape [rows, n], [rows], [1] or []. Throws for
// others.
int64_t GroupsOf(const Tensor& scales, int64_t rows, int64_t cols);

}  // namespace puna::engine
