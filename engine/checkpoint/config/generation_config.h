// generation_config.json: how the model's authors want it sampled. Defaults for requests that say nothing.
#pragma once

#include <optional>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

class JsonObject;

// Absent in the file: nullopt. top_k 0 means off.
struct GenerationConfig {
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<int> top_k;
  std::optional<double> repetition_penalty;
  std::vector<TokenId> eos_token_ids;
};

// Throws std::runtime_error with path, key, expected and found for a value outside its range.
GenerationConfig ParseGenerationConfig(const JsonObject& json, int vocab_size);

}  // namespace puna::engine
