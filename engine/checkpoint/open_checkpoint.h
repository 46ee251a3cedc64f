// The door of this room: from a path, or from files in memory, to a Checkpoint.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// Opens a model, whatever its format; reads headers and small files, not the weights:
//   a folder from Hugging Face (config.json and safetensors: bf16, f16, f32, compressed-tensors, GPTQ, AWQ, AutoRound, FP8,
//     bitsandbytes, MLX), or one of its cache,
//   a folder from Meta (params.json and consolidated.NN.pth: bf16, SPINQUANT_INT4_EO8, QLORA_INT4_EO8),
//   a .gguf file or a folder with one, whole or in parts of which any may be named; known by its content,
//   random:NAME[:SEED] (see random_checkpoint.h), which has weights but no tokenizer.
// Throws std::runtime_error: one line with path, expected, found and what to do. Reading a WeightSource may throw the
// same when the values cannot be what the headers say (a code outside its 4 bits).
Checkpoint OpenCheckpoint(const std::string& path, const OpenOptions& options = {});

// The .gguf file that OpenCheckpoint reads of this path (of a split one the first); empty: it reads
// another kind.
std::string FindGguf(const std::string& path);

// The folder whose files belong to the model at this path.
std::string ModelFolder(const std::string& path);

// The same from files in memory by name ("config.json", "model.safetensors", ...), which must outlive the result.
Checkpoint OpenCheckpointFromMemory(const std::string& name, std::map<std::string, std::span<const std::byte>> files,
                                    const OpenOptions& options = {});

}  // namespace puna::engine
