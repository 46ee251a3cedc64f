#include "engine/checkpoint/config/model_config.h"

#include <algorithm>
#include <cmath>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

constexpr char kOnlyLlama[] = "only Llama models (3.0 to 3.3, Hermes and other LlamaForCausalLM) can be served";
constexpr int kMaxPosition = 1 << 26;

void CheckArchitecture(const JsonObject& config) {
  const std::vector<std::string> architectures = config.Strings("architectures");
  if (!architectures.empty() && architectures != std::vector<std::string>{"LlamaForCausalLM"}) {
    config.Refuse("architectures", "[\"LlamaForCausalLM\"]", kOnlyLlama);
  }
  if (config.Has("model_type") || architectures.empty()) {
    if (config.String("model_type") != "llama") config.Refuse("model_type", "\"llama\"", kOnlyLlama);
  }
}

// Switches that change the arithmetic and that Llama 3 leaves off.
void CheckSwitches(const JsonObject& config) {
  for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"}) {
    if (config.Bool(key, false)) config.Refuse(key, "false", kOnlyLlama);
  }
  if (config.String("hidden_act", "silu") != "silu") config.Refuse("hidden_act", "\"silu\"", kOnlyLlama);
  if (config.Number("partial_rotary_factor", 0, 1, 1) != 1) {
    config.Refuse("partial_rotary_factor", "1", kOnlyLlama);
  }
}

void ReadShape(const JsonObject& json, ModelConfig* config) {
  const auto size = [&](const char* key, int64_t low, int64_t high) {
    return static_cast<int>(json.Int(key, low, high));
  };
  config->hidden_size = size("hidden_size", 1, 1 << 17);
  config->num_hidden_layers = size("num_hidden_layers", 1, 1024);
  config->num_attention_heads = size("num_attention_heads", 1, 4096);
  config->num_key_value_heads = static_cast<int>(json.Int("num_key_value_heads", 1, 4096, config->num_attention_heads));
  config->intermediate_size = size("intermediate_size", 1, 1 << 20);
  config->vocab_size = size("vocab_size", 1, 1 << 24);
  config->max_position_embeddings = size("max_position_embeddings", 1, kMaxPosition);
  if (json.Has("head_dim")) {
    config->head_dim = size("head_dim", 1, 4096);
  } else if (config->hidden_size % config->num_attention_heads != 0) {
    json.Refuse("hidden_size", "a multiple of num_attention_heads (" + std::to_string(config->num_attention_heads) +
                                   "), as there is no head_dim");
  } else {
    config->head_dim = config->hidden_size / config->num_attention_heads;
  }
  config->rms_norm_eps = json.Number("rms_norm_eps", 1e-30, 1, 1e-6);
  config->tie_word_embeddings = json.Bool("tie_word_embeddings", false);
}

RopeScaling ReadLlama3Rope(const JsonObject& rope) {
  RopeScaling scaling;
  scaling.factor = rope.Number("factor", 1, 1e6);
  scaling.low_freq_factor = rope.Number("low_freq_factor", 1e-6, 1e6);
  scaling.high_freq_factor = rope.Number("high_freq_factor", 1e-6, 1e6);
  scaling.original_max_position_embeddings =
      static_cast<int>(rope.Int("original_max_position_embeddings", 1, kMaxPosition));
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.Refuse("high_freq_factor", "more than low_freq_factor");
  }
  return scaling;
}

RopeScaling ReadLinearRope(const JsonObject& rope) {
  return {.kind = RopeScaling::Kind::kLinear, .factor = rope.Number("factor", 1e-3, 1e6)};
}

RopeScaling ReadYarnRope(const JsonObject& rope, const ModelConfig& config) {
  RopeScaling scaling{.kind = RopeScaling::Kind::kYarn, .factor = rope.Number("factor", 1, 1e6)};
  scaling.original_max_position_embeddings =
      static_cast<int>(rope.Int("original_max_position_embeddings", 1, kMaxPosition, config.max_position_embeddings));
  scaling.beta_fast = rope.Number("beta_fast", 1e-3, 1e6, 32);
  scaling.beta_slow = rope.Number("beta_slow", 1e-3, 1e6, 1);
  scaling.truncate = rope.Bool("truncate", true);
  // DeepSeek's two keys: 0.1 m ln(factor) + 1 of each, divided.
  const double mscale = rope.Number("mscale", 0, 1e3, 0), all_dim = rope.Number("mscale_all_dim", 0, 1e3, 0);
  const auto magnitude = [&](double m) { return m * (YarnAttentionFactor(scaling.factor) - 1) + 1; };
  const double fallback = mscale > 0 && all_dim > 0 ? magnitude(mscale) / magnitude(all_dim) : magnitude(1);
  scaling.attention_factor = rope.Number("attention_factor", 1e-3, 1e3, fallback);
  return scaling;
}

// "dynamic" changes nothing up to max_position_embeddings, where we end.
std::optional<RopeScaling> ReadScaling(const JsonObject& rope, const ModelConfig& config) {
  const std::string type_key = rope.Has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.String(type_key, "default");
  if (type == "default" || type == "dynamic") return std::nullopt;
  RopeScaling scaling;
  if (type == "llama3") {
    scaling = ReadLlama3Rope(rope);
  } else if (type == "linear") {
    scaling = ReadLinearRope(rope);
  } else if (type == "yarn") {
    scaling = ReadYarnRope(rope, config);
  } else {
    rope.Refuse(type_key, "\"llama3\", \"linear\", \"dynamic\", \"yarn\" or \"default\"",
                "this kind of rope scaling is not supported: use a model with one of these");
  }
  if (scaling.factor == 1 && scaling.attention_factor == 1) return std::nullopt;
  return scaling;
}

// transformers 4: rope_theta and rope_scaling {rope_type or type, ...}; transformers 5: rope_parameters with both.
void ReadRope(const JsonObject& json, ModelConfig* config) {
  constexpr double kDefaultTheta = 10000;
  config->rope_theta = json.Number("rope_theta", 1, 1e12, kDefaultTheta);
  const std::string key = json.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!json.Has(key)) return;
  const JsonObject rope = json.Object(key);
  config->rope_theta = rope.Number("rope_theta", 1, 1e12, config->rope_theta);
  if (rope.Number("partial_rotary_factor", 0, 1, 1) != 1) {
    rope.Refuse("partial_rotary_factor", "1", kOnlyLlama);
  }
  config->rope_scaling = ReadScaling(rope, *config);
}

void ReadTokens(const JsonObject& json, ModelConfig* config) {
  const int64_t last = config->vocab_size - 1;
  const std::vector<int64_t> bos = json.Ints("bos_token_id", 0, last);
  if (!bos.empty()) config->bos_token_id = static_cast<TokenId>(bos.front());
  for (const int64_t id : json.Ints("eos_token_id", 0, last)) {
    config->eos_token_ids.push_back(static_cast<TokenId>(id));
  }
}

}  // namespace

double YarnAttentionFactor(double factor) { return factor <= 1 ? 1 : 0.1 * std::log(factor) + 1; }

void CheckModelConfig(const ModelConfig& config, const std::string& path) {
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    Throw({.path = path,
           .item = "num_key_value_heads",
           .expected = "a divisor of num_attention_heads (" + std::to_string(config.num_attention_heads) + ")",
           .found = std::to_string(config.num_key_value_heads),
           .remedy = "correct the file or download it again"});
  }
  if (config.head_dim % 2 != 0) {
    Throw({.path = path,
           .item = "head_dim",
           .expected = "an even number",
           .found = std::to_string(config.head_dim),
           .remedy = "correct the file or download it again"});
  }
}

ModelConfig ParseModelConfig(const JsonObject& json) {
  CheckArchitecture(json);
  CheckSwitches(json);
  ModelConfig config;
  ReadShape(json, &config);
  ReadRope(json, &config);
  ReadTokens(json, &config);
  CheckModelConfig(config, json.path());
  return config;
}

}  // namespace puna::engine
