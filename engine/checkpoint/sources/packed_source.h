// Codes packed along a row, lowest bits first: compressed-tensors "pack-quantized", AWQ's gemv, MLX.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct PackedTensors {
  const Tensor* packed = nullptr;    // I32 or U32 [rows, ceil(cols * bits / 32)]
  const Tensor* scales = nullptr;    // [rows, groups]
  const Tensor* minimums = nullptr;  // [rows, groups], MLX's biases; null: none
  // Zero points, I32; null: the middle of the codes, unless there are minimums.
  const Tensor* zeros = nullptr;
  enum class Zeros {
    kAlongRows,    // [ceil(rows * bits / 32), groups]: a word holds the zero points of several rows
    kAlongGroups,  // [rows, at least groups * bits / 32]: of several groups
  } zeros_packing = Zeros::kAlongRows;
  const Tensor* g_idx = nullptr;  // group of each column; null: in order
};

// The width of the words says how many bits: 2, 3, 4, 5, 6 or 8. Shapes are checked against rows and cols. `groups` 0: as many
// as the scales have columns; else the scales and zero points may be wider than that.
std::unique_ptr<WeightSource> MakePackedSource(const PackedTensors& tensors, int64_t rows, int64_t cols,
                                               int64_t groups = 0);

}  // namespace puna::engine
