#include "engine/checkpoint/config/config_json.h"

#include <nlohmann/json.hpp>

namespace puna::engine {

using nlohmann::ordered_json;

namespace {

ordered_json ToJson(const RopeScaling& rope) {
  switch (rope.kind) {
    case RopeScaling::Kind::kLinear:
      return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case RopeScaling::Kind::kYarn:
      return {{"rope_type", "yarn"},
              {"factor", rope.factor},
              {"original_max_position_embeddings", rope.original_max_position_embeddings},
              {"beta_fast", rope.beta_fast},
              {"beta_slow", rope.beta_slow},
              {"attention_factor", rope.attention_factor},
              {"truncate", rope.truncate}};
    default:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_freq_factor},
              {"high_freq_factor", rope.high_freq_factor},
              {"original_max_position_embeddings", rope.original_max_position_embeddings}};
  }
}

}  // namespace

ordered_json ToJson(const ModelConfig& c) {
  ordered_json json = {{"architectures", {"LlamaForCausalLM"}},
                       {"model_type", "llama"},
                       {"hidden_act", "silu"},
                       {"attention_bias", false},
                       {"mlp_bias", false},
                       {"hidden_size", c.hidden_size},
                       {"intermediate_size", c.intermediate_size},
                       {"num_hidden_layers", c.num_hidden_layers},
                       {"num_attention_heads", c.num_attention_heads},
                       {"num_key_value_heads", c.num_key_value_heads},
                       {"head_dim", c.head_dim},
                       {"vocab_size", c.vocab_size},
                       {"max_position_embeddings", c.max_position_embeddings},
                       {"rms_norm_eps", c.rms_norm_eps},
                       {"rope_theta", c.rope_theta},
                       {"tie_word_embeddings", c.tie_word_embeddings},
                       {"torch_dtype", "bfloat16"}};
  if (c.rope_scaling) json["rope_scaling"] = ToJson(*c.rope_scaling);
  if (c.bos_token_id != kNoToken) json["bos_token_id"] = c.bos_token_id;
  if (!c.eos_token_ids.empty()) json["eos_token_id"] = c.eos_token_ids;
  return json;
}

ordered_json ToJson(const GenerationConfig& g) {
  ordered_json json = ordered_json::object();
  const auto put = [&](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  put("do_sample", g.do_sample);
  put("temperature", g.temperature);
  put("top_p", g.top_p);
  put("min_p", g.min_p);
  put("top_k", g.top_k);
  put("repetition_penalty", g.repetition_penalty);
  if (!g.eos_token_ids.empty()) json["eos_token_id"] = g.eos_token_ids;
  return json;
}

}  // namespace puna::engine
