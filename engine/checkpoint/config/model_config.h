// The shape of a Llama, names as in Hugging Face's config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

// How rope reaches positions beyond those of the first training. The rules are transformers' (modeling_rope_utils.py).
struct RopeScaling {
  enum class Kind {
    kLlama3,  // low frequencies are divided by factor, those between are blended
    kLinear,  // all are divided by factor
    kYarn,    // blended by how often they turn (arXiv 2309.00071), and attention is sharpened
  };
  Kind kind = Kind::kLlama3;
  double factor = 1;
  double low_freq_factor = 1;                   // kLlama3
  double high_freq_factor = 4;                  // kLlama3
  int original_max_position_embeddings = 8192;  // kLlama3, kYarn
  double beta_fast = 32;        // kYarn: turns within the original length from which on a frequency stays
  double beta_slow = 1;         // kYarn: up to which it is divided by factor
  double attention_factor = 1;  // kYarn: what queries and keys are multiplied with
  bool truncate = true;         // kYarn: the bounds are whole dimensions
};

// 0.1 ln(factor) + 1: YaRN's attention_factor where a file says nothing.
double YarnAttentionFactor(double factor);

struct ModelConfig {
  int hidden_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int intermediate_size = 0;
  int vocab_size = 0;
  int max_position_embeddings = 0;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  std::optional<RopeScaling> rope_scaling;
  bool tie_word_embeddings = false;
  TokenId bos_token_id = kNoToken;
  std::vector<TokenId> eos_token_ids;
};

class JsonObject;

// Reads config.json as transformers 4 and 5 write it. Throws std::runtime_error (path, key, expected, found, remedy)
// for any other architecture, biases, other activations or rope types, and for shapes that cannot be.
ModelConfig ParseModelConfig(const JsonObject& config);

// What every source of a ModelConfig must hold: heads a multiple of kv heads, an even head_dim. `path` is for the
// message.
void CheckModelConfig(const ModelConfig& config, const std::string& path);

}  // namespace puna::engine
