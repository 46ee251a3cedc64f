// A whole Llama checkpoint, whatever its files: shape, weights by role, and the rules its quantisation was made for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/checkpoint/model_config.h"
#include "engine/checkpoint/weight_source.h"

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

  std::string name;  // for messages and /v1/models
  ModelConfig config;
  std::unique_ptr<WeightSource> embed_tokens;  // [vocab_size, hidden_size]
  std::unique_ptr<WeightSource> lm_head;       // null: tied
  std::vector<float> norm;                     // [hidden_size]
  std::vector<LayerSource> layers;
  ActivationRule activation_rule = ActivationRule::kSymmetric;
  bool online_hadamard_down_proj = false;  // SpinQuant's R4: down_proj takes fwht(x) / sqrt(n)
};

// Opens a model folder (or a `random:NAME`); reads headers and small files, not the weights.
// Throws std::runtime_error: one line with path, expected, found and what to do.
Checkpoint OpenCheckpoint(const std::string& path);

}  // namespace puna::engine
