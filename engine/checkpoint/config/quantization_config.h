// quantization_config of config.json: which of Hugging Face's quantised formats the tensors are in.
#pragma once

#include <cstdint>
#include <optional>

namespace puna::engine {

class JsonObject;

struct QuantizationConfig {
  enum class Method { kNone, kCompressedTensors, kGptq, kAwq };
  Method method = Method::kNone;

  // compressed-tensors: bits of the weights by the shape of their scales. 0: there are none.
  int grouped_bits = 0;
  int per_row_bits = 0;
  bool asymmetric_activations = false;
  bool online_hadamard_down_proj = false;  // transform_config's R4
  // Ours: the tied table is not rotated; seed of the signs of the rotation that the model applies (Checkpoint).
  std::optional<uint64_t> residual_rotation_seed;

  // GPTQ and AWQ, 4 bits.
  int64_t group_size = 0;            // columns; 0: one group
  bool gptq_zero_minus_one = false;  // checkpoint_format "gptq" (version 1) stores zero - 1
};

// config: the whole config.json. Unsupported methods, formats and numbers of bits are refused by name.
QuantizationConfig ParseQuantizationConfig(const JsonObject& config);

}  // namespace puna::engine
