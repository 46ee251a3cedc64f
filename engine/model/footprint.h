// What a model would take in memory, from its shape alone.
#pragma once

#include <cstddef>
#include <string>

#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/model/llama.h"

namespace puna::engine {

// Bytes of the weights as LoadLlama would hold them; exactly Model::weight_bytes, but for low-rank updates.
size_t PlannedWeightBytes(const Checkpoint& checkpoint, const LlamaOptions& options);

// Whether attention can be computed for heads of this shape. Throws std::runtime_error: one line.
void CheckHeads(const ModelConfig& config);

// As Model::kv_bytes_per_block. Throws as CheckHeads.
size_t PlannedKvBytesPerBlock(const ModelConfig& config, const LlamaOptions& options);

// The forms in which LoadLlama would hold the layers, as Model::Format.
std::string PlannedForms(const Checkpoint& checkpoint, const LlamaOptions& options);

// What the matrices take in the checkpoint's own files.
size_t FileWeightBytes(const Checkpoint& checkpoint);

}  // namespace puna::engine
