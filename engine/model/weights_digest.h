// A number that tells models apart, for system_fingerprint.
#pragma once

#include <cstdint>

#include "engine/checkpoint/config/model_config.h"
#include "engine/model/llama_weights.h"

namespace puna::engine {

// Over the shape, every norm, and a few lines of each matrix, spread evenly: enough to tell checkpoints and their
// finetunes apart without reading gigabytes that may still be on disk. The same on every machine for the same packed
// weights.
uint64_t DigestWeights(const ModelConfig& config, const LlamaWeights& weights);

}  // namespace puna::engine
