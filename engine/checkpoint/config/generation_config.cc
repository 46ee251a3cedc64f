#include "engine/checkpoint/config/generation_config.h"

#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {

GenerationConfig ParseGenerationConfig(const JsonObject& json, int vocab_size) {
  GenerationConfig config;
  const auto number = [&](const char* key, double low, double high) -> std::optional<double> {
    if (!json.Has(key)) return std::nullopt;
    return json.Number(key, low, high);
  };
  if (json.Has("do_sample")) config.do_sample = json.Bool("do_sample", false);
  config.temperature = number("temperature", 0, 100);
  config.top_p = number("top_p", 0, 1);
  config.min_p = number("min_p", 0, 1);
  config.repetition_penalty = number("repetition_penalty", 1e-3, 1000);
  if (json.Has("top_k")) {
    const int64_t top_k = json.Int("top_k", -1, 1 << 24);
    config.top_k = top_k < 0 ? 0 : static_cast<int>(top_k);  // -1: off, as in vLLM
  }
  for (const int64_t id : json.Ints("eos_token_id", 0, vocab_size - 1)) {
    config.eos_token_ids.push_back(static_cast<TokenId>(id));
  }
  return config;
}

}  // namespace puna::engine
