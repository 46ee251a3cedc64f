// bitsandbytes' 4 bits (nf4, fp4): codes are indices into a table of 16 floats, times the largest magnitude of their block.
#pragma once

#include <memory>
#include <string>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// name: "...q_proj.weight". Takes the codes (U8 [rows * cols / 2, 1], the first of two in the high half) and the tensors that
// belong to them by their names: .absmax (F32, or U8 codes of a second table, .nested_absmax and .nested_quant_map), .quant_map
// and .quant_state.bitsandbytes__nf4 (or fp4: JSON). Throws std::runtime_error.
std::unique_ptr<WeightSource> TakeBnb4Source(TensorSet* tensors, const std::string& name, int64_t rows, int64_t cols);

}  // namespace puna::engine
