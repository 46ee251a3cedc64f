#include "engine/checkpoint/hf/hf_checkpoint.h"

#include <algorithm>
#include <utility>

#include "engine/checkpoint/config/quantization_config.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/files/safetensors.h"
#include "engine/checkpoint/hf/hf_linear.h"

namespace puna::engine {
namespace {

JsonObject ReadJson(const FileSet& files, const std::string& name) {
  return JsonObject::Parse(files.Open(name)->bytes(), files.PathOf(name));
}

LayerSource OpenLayer(TensorSet* tensors, int n, const ModelConfig& config, const QuantizationConfig& quantization) {
  const std::string layer = "model.layers." + std::to_string(n) + ".";
  const int64_t hidden = config.hidden_size;
  const int64_t q = static_cast<int64_t>(config.num_attention_heads) * config.head_dim;
  const int64_t kv = static_cast<int64_t>(config.num_key_value_heads) * config.head_dim;
  const int64_t ffn = config.intermediate_size;
  const auto linear = [&](const char* name, int64_t rows, int64_t cols) {
    return LinearSource{OpenHfLinear(tensors, layer + name, rows, cols, quantization), nullptr};
  };
  LayerSource source;
  source.input_layernorm = tensors->TakeVector(layer + "input_layernorm.weight", hidden);
  source.post_attention_layernorm = tensors->TakeVector(layer + "post_attention_layernorm.weight", hidden);
  source.q_proj = linear("self_attn.q_proj", q, hidden);
  source.k_proj = linear("self_attn.k_proj", kv, hidden);
  source.v_proj = linear("self_attn.v_proj", kv, hidden);
  source.o_proj = linear("self_attn.o_proj", hidden, q);
  source.gate_proj = linear("mlp.gate_proj", ffn, hidden);
  source.up_proj = linear("mlp.up_proj", ffn, hidden);
  source.down_proj = linear("mlp.down_proj", hidden, ffn);
  return source;
}

// Tensors that may lie in a Llama's files without meaning anything for us: constants that we compute, scales of static
// activation or KV-cache quantisation (ours is dynamic), a copy of a tied head.
bool ChangesNothing(const std::string& name, const ModelConfig& config) {
  for (const char* suffix : {".rotary_emb.inv_freq", ".input_scale", ".input_zero_point", ".k_scale", ".v_scale",
                             ".q_scale", ".weight_observer", ".input_global_scale"}) {
    if (name.ends_with(suffix)) return true;
  }
  return config.tie_word_embeddings && name.starts_with("lm_head.");
}

void CheckNothingLeft(const TensorSet& tensors, const ModelConfig& config) {
  for (const Tensor* tensor : tensors.Unused()) {
    if (ChangesNothing(tensor->name, config)) continue;
    Throw({.path = tensor->path(),
           .item = Printable(tensor->name),
           .expected = "only the tensors of a Llama with " + std::to_string(config.num_hidden_layers) + " layers",
           .found = "this one of shape " + ShapeText(tensor->shape),
           .remedy = "check num_hidden_layers and tie_word_embeddings in config.json, or use a plain Llama model"});
  }
}

void ReadGeneration(const FileSet& files, Checkpoint* checkpoint) {
  constexpr char kName[] = "generation_config.json";
  if (!files.Has(kName)) return;
  checkpoint->generation = ParseGenerationConfig(ReadJson(files, kName), checkpoint->config.vocab_size);
  std::vector<TokenId>& eos = checkpoint->config.eos_token_ids;
  for (const TokenId id : checkpoint->generation.eos_token_ids) {
    if (std::find(eos.begin(), eos.end(), id) == eos.end()) eos.push_back(id);
  }
}

void CheckHadamardSize(const FileSet& files, const ModelConfig& config) {
  if ((config.intermediate_size & (config.intermediate_size - 1)) == 0) return;
  Throw({.path = files.PathOf("config.json"),
         .item = "intermediate_size",
         .expected = "a power of two, as the Hadamard rotation before down_proj needs",
         .found = std::to_string(config.intermediate_size),
         .remedy = "use a quantisation without online rotation"});
}

}  // namespace

Checkpoint OpenHfCheckpoint(const FileSet& files) {
  const JsonObject json = ReadJson(files, "config.json");
  Checkpoint checkpoint;
  checkpoint.name = files.path();
  checkpoint.config = ParseModelConfig(json);
  const ModelConfig& config = checkpoint.config;
  const QuantizationConfig quantization = ParseQuantizationConfig(json);
  if (quantization.asymmetric_activations) checkpoint.activation_rule = Checkpoint::ActivationRule::kAsymmetric;
  checkpoint.online_hadamard_down_proj = quantization.online_hadamard_down_proj;
  if (checkpoint.online_hadamard_down_proj) CheckHadamardSize(files, config);
  checkpoint.residual_rotation_seed = quantization.residual_rotation_seed;
  ReadGeneration(files, &checkpoint);

  TensorSet tensors = ReadSafetensorsModel(files);
  checkpoint.embed_tokens =
      OpenHfLinear(&tensors, "model.embed_tokens", config.vocab_size, config.hidden_size, quantization);
  for (int n = 0; n < config.num_hidden_layers; ++n) {
    checkpoint.layers.push_back(OpenLayer(&tensors, n, config, quantization));
  }
  checkpoint.norm = tensors.TakeVector("model.norm.weight", config.hidden_size);
  if (!config.tie_word_embeddings) {
    checkpoint.lm_head = OpenHfLinear(&tensors, "lm_head", config.vocab_size, config.hidden_size, quantization);
  }
  CheckNothingLeft(tensors, config);
  return checkpoint;
}

}  // namespace puna::engine
