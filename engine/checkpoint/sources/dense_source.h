// Weights stored as bf16, f16 or f32, read row by row from the mapped file.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/row_order.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// tensor: [rows, cols], BF16 (encoding kBf16), F16 or F32 (kFloat).
std::unique_ptr<WeightSource> MakeDenseSource(const Tensor& tensor, RowOrder order = {});

}  // namespace puna::engine
