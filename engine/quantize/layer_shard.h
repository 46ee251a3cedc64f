// A quantised layer as one safetensors file in compressed-tensors' names, and back: what makes
// quantising resumable.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/quantize/quantize_layer.h"

namespace puna::engine {

// Writes model.layers.N.*: norms in bf16 where that is exact, codes as int8 `weight`,
// `weight_scale` in float16 (int4) or float32. `settings` and the errors go into the file's
// metadata. Returns the names and the bytes of the tensors.
struct ShardContents {
  std::vector<std::string> names;
  int64_t bytes = 0;
};
ShardContents WriteLayerShard(const std::string& path, int layer, const RoundedLayer& rounded,
                              const LayerErrors& errors, const std::string& settings);

struct LayerShard {
  RoundedLayer layer;
  LayerErrors errors;
  ShardContents contents;
};

// The shard at `path`, or none when there is no such file. Throws std::runtime_error when it was
// written with other settings, or is no shard of this layer.
std::optional<LayerShard> ReadLayerShard(const std::string& path, int layer, Bits bits, const std::string& settings);

// Norms and tables: bf16 where that is exact for every value, else float32.
struct FloatTensor {
  bool exact_bf16 = true;
  std::string bytes;
};
FloatTensor ToFloatTensor(const std::vector<float>& values);

}  // namespace puna::engine
