// safetensors files: 8 bytes header length (little endian), a JSON header {name: {dtype, shape, data_offsets}}, the
// data. Format: https://github.com/huggingface/safetensors (README, "Format").
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/files/tensor.h"

namespace puna::engine {

// The tensors of one file, in the order of their data. Every length is checked before it is used: header within the
// file and at most 100 MB, shape times element size equals the offsets' difference, data without holes, overlaps or
// remainder (which is also how a truncated download shows). Throws std::runtime_error with path, tensor, expected and
// found.
std::vector<Tensor> ReadSafetensors(const std::shared_ptr<const MappedFile>& file);

// The file's __metadata__: texts by name; empty when it has none.
std::map<std::string, std::string> ReadSafetensorsMetadata(const std::shared_ptr<const MappedFile>& file);

// model.safetensors, or the shards that model.safetensors.index.json names: each tensor of the index in its shard and
// no other; shard names are plain file names of this folder.
TensorSet ReadSafetensorsModel(const FileSet& files);

}  // namespace puna::engine
