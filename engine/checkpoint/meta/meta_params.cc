#include "engine/checkpoint/meta/meta_params.h"

#include <string>

#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

constexpr char kTextOnly[] = "only Llama 3 text models can be served";

// The feed-forward size of llama-models' FeedForward: two thirds of 4 * dim, times the multiplier, rounded up.
int64_t FfnSize(const JsonObject& json, int64_t dim) {
  int64_t size = 2 * 4 * dim / 3;
  const double multiplier = json.Number("ffn_dim_multiplier", 1e-3, 1e3, 1);
  size = static_cast<int64_t>(multiplier * static_cast<double>(size));
  const int64_t multiple = json.Int("multiple_of", 1, 1 << 20, 256);
  size = (size + multiple - 1) / multiple * multiple;
  constexpr int64_t kMost = 1 << 20;
  if (size < 1 || size > kMost) json.Refuse("ffn_dim_multiplier", "a feed-forward size from 1 to 2^20");
  return size;
}

// params.json says only whether rope is scaled. Llama 3.2 1B and 3B, known by their shapes, are scaled by 32.
double DefaultRopeFactor(const ModelConfig& config) {
  const bool is_1b = config.hidden_size == 2048 && config.num_hidden_layers == 16;
  const bool is_3b = config.hidden_size == 3072 && config.num_hidden_layers == 28;
  return is_1b || is_3b ? 32 : 8;
}

void ReadRope(const JsonObject& json, std::optional<double> rope_factor, ModelConfig* config) {
  config->rope_theta = json.Number("rope_theta", 1, 1e12, 500000);
  config->max_position_embeddings = 8192;
  if (!json.Bool("use_scaled_rope", false)) return;
  config->max_position_embeddings = 131072;
  const double stated = json.Number("rope_scale_factor", 1, 1e6, DefaultRopeFactor(*config));
  config->rope_scaling = RopeScaling{.factor = rope_factor.value_or(stated)};
}

ModelConfig ReadShape(const JsonObject& json) {
  ModelConfig config;
  config.hidden_size = static_cast<int>(json.Int("dim", 1, 1 << 17));
  config.num_hidden_layers = static_cast<int>(json.Int("n_layers", 1, 1024));
  config.num_attention_heads = static_cast<int>(json.Int("n_heads", 1, 4096));
  config.num_key_value_heads = static_cast<int>(json.Int("n_kv_heads", 1, 4096, config.num_attention_heads));
  config.vocab_size = static_cast<int>(json.Int("vocab_size", 1, 1 << 24));
  config.rms_norm_eps = json.Number("norm_eps", 1e-30, 1, 1e-5);
  config.intermediate_size = static_cast<int>(FfnSize(json, config.hidden_size));
  if (config.hidden_size % config.num_attention_heads != 0) json.Refuse("dim", "a multiple of n_heads");
  config.head_dim = static_cast<int>(json.Int("head_dim", 1, 4096, config.hidden_size / config.num_attention_heads));
  return config;
}

void ReadQuantization(const JsonObject& json, MetaParams* params) {
  if (!json.Has("quantization_args")) return;
  const JsonObject args = json.Object("quantization_args");
  if (args.String("scheme") != "int4_weight_int8_dynamic_activation") {
    args.Refuse("scheme", "\"int4_weight_int8_dynamic_activation\"", "use a bf16, SpinQuant or QLoRA release");
  }
  params->group_size = args.Int("group_size", 1, 1 << 17);
  params->spinquant = args.Bool("spinquant", false);
  const int ffn = params->config.intermediate_size;
  if (params->spinquant && (ffn & (ffn - 1)) != 0) {
    args.Refuse("spinquant", "false, as the feed-forward size " + std::to_string(ffn) + " is no power of two");
  }
}

}  // namespace

MetaParams ParseMetaParams(const JsonObject& json, std::optional<double> rope_factor) {
  for (const std::string& key : json.Keys()) {
    const bool other = key.starts_with("vision_") || key == "moe_args";
    if (other && json.Has(key) && key != "vision_num_cross_attention_layers") json.Refuse(key, "nothing", kTextOnly);
  }
  if (json.Int("vision_num_cross_attention_layers", -1, 1 << 20, 0) > 0) {
    json.Refuse("vision_num_cross_attention_layers", "nothing", kTextOnly);
  }
  MetaParams params;
  params.config = ReadShape(json);
  ReadRope(json, rope_factor, &params.config);
  CheckModelConfig(params.config, json.path());
  ReadQuantization(json, &params);
  if (json.Has("lora_args")) {
    const JsonObject lora = json.Object("lora_args");
    params.lora_rank = lora.Int("rank", 1, 4096);
    params.lora_scale = static_cast<float>(lora.Number("scale", -1e6, 1e6));
  }
  return params;
}

}  // namespace puna::engine
