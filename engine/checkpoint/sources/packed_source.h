// compressed-tensors "pack-quantized": codes of 4 or 8 bits packed into int32 words along a row, lowest first, stored
// with half their range added.
#pragma once

#include <memory>
#include <vector>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct PackedTensors {
  const Tensor* packed = nullptr;  // I32 [rows, ceil(cols * bits / 32)]
  const Tensor* scales = nullptr;  // [rows, groups]
  const Tensor* zeros = nullptr;   // I32 [ceil(rows * bits / 32), groups], packed along rows; null: symmetric
  const Tensor* g_idx = nullptr;   // group of each column; null: in order
};

// Shapes are checked against rows and cols; the width of the words decides 4 or 8 bits.
std::unique_ptr<WeightSource> MakePackedSource(const PackedTensors& tensors, int64_t rows, int64_t cols);

// Group of each column, checked to lie in [0, groups).
std::vector<int32_t> ReadGroupIndex(const Tensor& g_idx, int64_t cols, int64_t groups);

}  // namespace puna::engine
