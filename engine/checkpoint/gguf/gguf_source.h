// A weight in one of GGUF's types.
#pragma once

#include <memory>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/gguf/gguf_file.h"
#include "engine/checkpoint/sources/row_order.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// tensor: [rows, cols]. Quantised types give codes in groups, the others bf16 or floats.
std::unique_ptr<WeightSource> MakeGgufSource(const GgufTensor& tensor, RowOrder order = {});

// A tensor of F32, F16 or BF16 as one of ours; throws for quantised ones.
Tensor PlainGgufTensor(const GgufTensor& tensor);

}  // namespace puna::engine
