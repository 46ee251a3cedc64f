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

// Where a model's tensors are: model.safetensors, or model.safetensors.index.json, or else a file of another name or all
// shards NAME-00001-of-0000N.safetensors. Empty: there are none.
std::vector<std::string> FindSafetensors(const FileSet& files);

// The tensors in them. Of shards with an index those that it names, each from its shard; what else lies there is ignored.
// Shard names are plain file names of this folder.
TensorSet ReadSafetensorsModel(const FileSet& files);

}  // namespace puna::engine
