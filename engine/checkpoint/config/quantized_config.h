// config.json of a model that we have quantised, in compressed-tensors' terms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/model_config.h"

namespace puna::engine {

struct QuantizedScheme {
  int weight_bits = 8;  // 8: one scale per row; 4: one per group of 32 columns, codes in int8 containers
  bool online_hadamard_down_proj = false;
  std::optional<uint64_t> residual_rotation_seed;
};

// The type of our own transform in transform_config (Checkpoint::residual_rotation_seed). Others do
// not know it and say so.
inline constexpr char kResidualRotationType[] = "puna-residual-hadamard";

std::string QuantizedConfigJson(const ModelConfig& config, const QuantizedScheme& scheme);
std::string GenerationConfigJson(const GenerationConfig& generation);

}  // namespace puna::engine
