// Meta's params.json: shape, and how a quantised release was made.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/checkpoint/config/model_config.h"

namespace puna::engine {

class JsonObject;

struct MetaParams {
  ModelConfig config;
  int64_t group_size = 0;  // columns per scale of the int4 linears; 0: not quantised
  bool spinquant = false;  // R4: the input of w2 is rotated online
  int64_t lora_rank = 0;   // 0: no adaptors
  float lora_scale = 0;
};

// rope_factor: as OpenOptions::meta_rope_factor. Throws std::runtime_error with path, key, expected and found; vision
// and mixture-of-experts models and other quantisation schemes are refused.
MetaParams ParseMetaParams(const JsonObject& json, std::optional<double> rope_factor);

}  // namespace puna::engine
