// From a checkpoint to a folder with the same model in 8 or 4 bits, layer after layer: at no time
// is more than one layer in memory (and, with a calibration text, the residual stream of its
// tokens).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/quantize/quantize_layer.h"

namespace puna::engine {

struct QuantizeOptions {
  Bits bits = Bits::kInt8;
  Rotations rotations;
  // Sequences for GPTQ; none: rounding to nearest.
  std::vector<std::vector<TokenId>> calibration;
  double damping = 0.01;  // GPTQ's, of the mean of the Hessian's diagonal
  Isa isa = Isa::kScalar;
  int threads = 1;
};

struct QuantizeResult {
  std::vector<LayerErrors> layers;
  int layers_found = 0;  // that an earlier run had finished
};

// Told the share done, in [0, 1], and what comes next.
using QuantizeProgress = std::function<void(double, const std::string&)>;

// The rotations of `wanted` that this model's sizes allow. With a table of its own for the head R1
// is folded in whole, else the model applies it at both ends (Checkpoint::residual_rotation_seed).
Rotations AllowedRotations(const ModelConfig& config, const Rotations& wanted);

// Writes config.json, generation_config.json and safetensors in compressed-tensors' int-quantized
// format into `folder`: a shard a layer, one for the tables, then the index. A layer whose shard is
// there already, made with the same options from the same weights, is not done again. Throws
// std::runtime_error when the checkpoint is quantised already in a way that cannot be rounded again
// (rotations, adaptors), sizes do not fit, or files cannot be written.
QuantizeResult QuantizeCheckpoint(const Checkpoint& checkpoint, const std::string& folder,
                                  const QuantizeOptions& options, const QuantizeProgress& progress);

}  // namespace puna::engine
