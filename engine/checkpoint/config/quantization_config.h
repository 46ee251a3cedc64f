// quantization_config of config.json: the conventions that the tensors of a quantised checkpoint follow. Which of its modules
// are quantised, and into how many bits, the tensors themselves say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace puna::engine {

class JsonObject;

struct QuantizationConfig {
  enum class Method { kNone, kCompressedTensors, kGptq, kAwq, kAwqGemv, kOther };
  Method method = Method::kNone;
  std::string name;  // of the method, as the file has it; empty: none
  // Not empty: why quantised tensors of this kind cannot be read, as what was found. Plain ones can.
  std::string foreign;

  // compressed-tensors "int-quantized": bits of the weights by the shape of their scales. 0: there are none.
  int grouped_bits = 0;
  int per_row_bits = 0;
  bool asymmetric_activations = false;
  bool online_hadamard_down_proj = false;  // transform_config's R4
  // Ours: the tied table is not rotated; seed of the signs of the rotation that the model applies (Checkpoint).
  std::optional<uint64_t> residual_rotation_seed;

  // FP8 with a scale per block.
  int64_t block_rows = 128;
  int64_t block_cols = 128;

  // GPTQ and AWQ.
  int64_t group_size = 0;            // columns; 0: one group
  bool gptq_zero_minus_one = false;  // checkpoint_format "gptq" (version 1) stores zero - 1
};

// config: the whole config.json. Throws std::runtime_error for online transforms that we cannot run and for values that no file
// may hold; methods that we do not know are an error only where there are tensors of theirs.
QuantizationConfig ParseQuantizationConfig(const JsonObject& config);

// GPTQ and AWQ beside a config.json that says nothing: quantize_config.json (AutoGPTQ), quant_config.json (AutoAWQ).
QuantizationConfig ParseQuantizeConfig(const JsonObject& config, const std::string& method);

}  // namespace puna::engine
