// Integer weights in int8 containers [rows, cols], 4 or 8 bits of them used: compressed-tensors "int-quantized", bitsandbytes'
// int8 and Meta's INT4_EO8.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/row_order.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct Int8Tensors {
  const Tensor* codes = nullptr;   // I8 [rows, cols]
  const Tensor* scales = nullptr;  // [rows, groups], or [rows], or [1] (one for all)
  const Tensor* zeros = nullptr;   // I8 of the shape of scales; null: all zero
  float scale_unit = 1;            // what the scales are to be multiplied with
};

// Shapes are checked; codes outside a 4-bit range show when they are read (std::runtime_error).
std::unique_ptr<WeightSource> MakeInt8Source(const Int8Tensors& tensors, int bits, RowOrder order = {});

}  // namespace puna::engine
