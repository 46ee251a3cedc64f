// One linear layer of a Hugging Face checkpoint, in whichever of the supported formats its tensors are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/checkpoint/config/quantization_config.h"
#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

// prefix: "model.layers.0.self_attn.q_proj". Takes its tensors out of the set. The tensors decide whether the module is
// quantised (modules may be left out of a quantisation), the configuration says how.
std::unique_ptr<WeightSource> OpenHfLinear(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                           const QuantizationConfig& quantization);

}  // namespace puna::engine
