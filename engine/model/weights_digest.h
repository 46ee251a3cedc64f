// Numbers that tell models apart: a quick one for system_fingerprint, and one that nothing escapes.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/content_hash.h"
#include "engine/checkpoint/config/model_config.h"
#include "engine/model/llama_weights.h"

namespace puna::engine {

// Over the shape, every norm, and a few lines of each matrix, spread evenly: enough to tell checkpoints and their
// finetunes apart without reading gigabytes that may still be on disk. The same on every machine for the same packed
// weights.
uint64_t DigestWeights(const ModelConfig& config, const LlamaWeights& weights);

// Over every byte of the weights. Returns early, with anything, once `stop` is set.
ContentHash HashWeights(const ModelConfig& config, const LlamaWeights& weights, const std::atomic<bool>& stop);

}  // namespace puna::engine
