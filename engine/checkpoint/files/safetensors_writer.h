// Writes safetensors files (the format: safetensors.h).
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/files/tensor.h"

namespace puna::engine {

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kBf16;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // of the shape's size
};

// Writes path.partial and renames it, so that `path` is whole or not there. `metadata` becomes
// __metadata__. Throws std::runtime_error when the disk refuses.
void WriteSafetensors(const std::string& path, std::span<const TensorToWrite> tensors,
                      const std::map<std::string, std::string>& metadata);

// Writes a text file the same way.
void WriteWholeFile(const std::string& path, const std::string& text);

// model.safetensors.index.json for shards written with WriteSafetensors: each tensor's file, and
// their bytes in all.
std::string SafetensorsIndexJson(const std::map<std::string, std::string>& shard_of, int64_t total_bytes);

}  // namespace puna::engine
