// A Llama to and from puna-packed.bin (engine/checkpoint/packed/packed_file.h): its weights as the kernels
// read them, so that a model is mapped instead of loaded.
#pragma once

#include <memory>
#include <string>

#include "engine/checkpoint/packed/packed_file.h"
#include "engine/model/llama.h"

namespace puna::engine {

// Reads the checkpoint's weights, in options.weights' format (none: its own), and writes them to
// `path`. `origins`: see PackedFile::CheckOrigins. Throws std::runtime_error; what was at `path`
// stays until the new file is whole.
void WritePackedLlama(const Checkpoint& checkpoint, const std::string& path, std::vector<PackedOrigin> origins,
                      const LlamaOptions& options, const LoadProgress& progress);

// The model in the file, which stays mapped while the model lives. options.weights must be none or
// the file's. Throws std::runtime_error when the sections are not those of the file's
// configuration, or their bytes not those that were written: each is read once, on options.threads threads.
std::unique_ptr<Model> LoadPackedLlama(const std::shared_ptr<const PackedFile>& file, const LlamaOptions& options,
                                       const LoadProgress& progress);

}  // namespace puna::engine
