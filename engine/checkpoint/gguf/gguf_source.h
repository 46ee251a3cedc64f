// A weight in one of GGUF's block formats.
#pragma once

#include <memory>

#include "engine/checkpoint/gguf/gguf_file.h"
#include "engine/checkpoint/sources/row_order.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// tensor: [rows, cols]. Q4_0 gives kInt4 codes in groups of 32, the other quantised types floats.
std::unique_ptr<WeightSource> MakeGgufSource(const GgufTensor& tensor, const std::shared_ptr<const MappedFile>& file,
                                             RowOrder order = {});

// A tensor of F32, F16 or BF16 as one of ours; throws for quantised ones.
struct Tensor;
Tensor PlainGgufTensor(const GgufTensor& tensor, const std::shared_ptr<const MappedFile>& file);

}  // namespace puna::engine
