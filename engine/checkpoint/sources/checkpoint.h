// A whole Llama checkpoint, whatever its files: shape, weights by role, and the rules its quantisation was made for.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/model_config.h"
#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct LayerSource {
  std::vector<float> input_layernorm;           // [hidden_size]
  std::vector<float> post_attention_layernorm;  // [hidden_size]
  LinearSource q_proj, k_proj, v_proj, o_proj;
  LinearSource gate_proj, up_proj, down_proj;
};

struct Checkpoint {
  // How the inputs of quantised linears are rounded to int8, per token.
  enum class ActivationRule { kSymmetric, kAsymmetric };

  std::string name;                            // for messages and /v1/models
  ModelConfig config;                          // eos_token_ids: those of config.json and generation_config.json
  GenerationConfig generation;                 // how its authors want it sampled; empty when they do not say
  std::unique_ptr<WeightSource> embed_tokens;  // [vocab_size, hidden_size]
  std::unique_ptr<WeightSource> lm_head;       // null: tied
  std::vector<float> norm;                     // [hidden_size]
  std::vector<LayerSource> layers;
  ActivationRule activation_rule = ActivationRule::kSymmetric;
  bool online_hadamard_down_proj = false;  // SpinQuant's R4: down_proj takes fwht(x) / sqrt(n)
  // SpinQuant's R1 over a tied table, which cannot be rotated for both its uses: rows of embed_tokens are rotated when
  // they are looked up, and the residual stream is rotated back before the final norm, by Rotation(hidden_size, seed).
  std::optional<uint64_t> residual_rotation_seed;
  std::vector<std::string> notes;  // what its files leave open or say otherwise, and how it was taken: for the log
};

struct OpenOptions {
  // Meta's params.json does not say by how much rope is scaled: 32 for the shapes of Llama 3.2 1B and 3B and 8 for
  // others, unless it is given here or as "rope_scale_factor" in params.json.
  std::optional<double> meta_rope_factor;
};

}  // namespace puna::engine
