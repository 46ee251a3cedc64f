// A whole Llama checkpoint, whatever its files: shape, weights by role, and the rules its quantisation was made for.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/generation_config.h"
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
  ModelConfig config;            // eos_token_ids: those of config.json and generation_config.json
  GenerationConfig generation;   // how its authors want it sampled; empty when they do not say
  std::unique_ptr<WeightSource> embed_tokens;  // [vocab_size, hidden_size]
  std::unique_ptr<WeightSource> lm_head;       // null: tied
  std::vector<float> norm;                     // [hidden_size]
  std::vector<LayerSource> layers;
  ActivationRule activation_rule = ActivationRule::kSymmetric;
  bool online_hadamard_down_proj = false;  // SpinQuant's R4: down_proj takes fwht(x) / sqrt(n)
  // SpinQuant's R1 over a tied table, which cannot be rotated for both its uses: rows of embed_tokens are rotated when they are
  // looked up, and the residual stream is rotated back before the final norm, by Rotation(hidden_size, seed).
  std::optional<uint64_t> residual_rotation_seed;
};

struct OpenOptions {
  // Meta's params.json does not say by how much rope is scaled: 32 for the shapes of Llama 3.2 1B and 3B and 8 for others,
  // unless it is given here or as "rope_scale_factor" in params.json.
  std::optional<double> meta_rope_factor;
};

// Opens a model, whatever its format; reads headers and small files, not the weights:
//   a folder from Hugging Face (config.json and safetensors: bf16, f16, f32, compressed-tensors, GPTQ, AWQ),
//   a folder from Meta (params.json and consolidated.NN.pth: bf16, SPINQUANT_INT4_EO8, QLORA_INT4_EO8),
//   a .gguf file or a folder with one,
//   random:NAME[:SEED] (see random_checkpoint.h), which has weights but no tokenizer.
// Throws std::runtime_error: one line with path, expected, found and what to do. Reading a WeightSource may throw the same
// when the values cannot be what the headers say (a code outside its 4 bits).
Checkpoint OpenCheckpoint(const std::string& path, const OpenOptions& options = {});

// The .gguf file that OpenCheckpoint reads of this path; empty: it reads another kind.
std::string FindGguf(const std::string& path);

// The same from files in memory by name ("config.json", "model.safetensors", ...), which must outlive the result.
Checkpoint OpenCheckpointFromMemory(const std::string& name, std::map<std::string, std::span<const std::byte>> files,
                                    const OpenOptions& options = {});

}  // namespace puna::engine
