// GPTQ and AWQ: weights stored [in, out], the transpose of what we read.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct TransposedTensors {
  enum class Packing {
    kGptq,  // qweight I32 [in * bits / 32, out]: the inputs of a word lie one above the other, lowest first
    kAwq,   // qweight I32 [in, out / 8]: eight outputs a word, in the order 0 2 4 6 1 3 5 7
  };
  Packing packing = Packing::kGptq;
  const Tensor* qweight = nullptr;
  const Tensor* qzeros = nullptr;  // I32 [groups, out * bits / 32], packed along out as qweight's outputs would be
  const Tensor* scales = nullptr;  // [groups, out]
  const Tensor* g_idx = nullptr;   // GPTQ: group of each input; null: in order
  bool zero_minus_one = false;     // GPTQ version 1 stores zero - 1
};

// The shape of qweight says how many bits: 2, 4 or 8 (AWQ: 4). group_size 0: one group. Shapes are checked against rows (out)
// and cols (in).
std::unique_ptr<WeightSource> MakeTransposedSource(const TransposedTensors& tensors, int64_t rows, int64_t cols,
                                                   int64_t group_size);

}  // namespace puna::engine
