// The way back from a ModelConfig and a GenerationConfig to Hugging Face's JSON, for models that we
// write.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/model_config.h"

namespace puna::engine {

// What ParseModelConfig and ParseGenerationConfig read back to the same values.
nlohmann::ordered_json ToJson(const ModelConfig& config);
nlohmann::ordered_json ToJson(const GenerationConfig& generation);

}  // namespace puna::engine
