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
  for (const char* suffix : {"rotary_emb.inv_freq", ".cos_cached", ".sin_cached", ".masked_bias", ".input_scale",
                             ".input_zero_point", ".k_scale", ".v_scale", ".q_scale", ".k_zero_point", ".v_zero_point",
                             ".weight_observer", ".input_global_scale", ".input_scale_ub"}) {
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

// A LoRA that peft has left beside the layers it belongs to.
void RefuseUnmerged(const TensorSet& tensors) {
  for (const auto& [name, tensor] : tensors.all()) {
    if (name.find(".base_layer.") == std::string::npos) continue;
    Throw({.path = tensor.path(),
           .item = Printable(name),
           .expected = "a plain model",
           .found = "a LoRA that is not merged into it",
           .remedy = "save it again after peft's merge_and_unload"});
  }
}

// Some save the inner model alone: without "model." before its names.
TensorSet WithPrefix(TensorSet tensors) {
  constexpr char kEmbedding[] = "embed_tokens.weight";
  if (tensors.Has(std::string("model.") + kEmbedding) || !tensors.Has(kEmbedding)) return tensors;
  TensorSet named(tensors.path());
  for (auto [name, tensor] : tensors.all()) {
    if (!name.starts_with("lm_head.")) tensor.name = "model." + name;
    named.Add(std::move(tensor));
  }
  return named;
}

// What the files of GPTQ and AWQ say of themselves where config.json does not.
QuantizationConfig ReadQuantization(const FileSet& files, const JsonObject& config) {
  QuantizationConfig quantization = ParseQuantizationConfig(config);
  if (quantization.method != QuantizationConfig::Method::kNone) return quantization;
  if (files.Has("quantize_config.json")) return ParseQuantizeConfig(ReadJson(files, "quantize_config.json"), "gptq");
  if (files.Has("quant_config.json")) return ParseQuantizeConfig(ReadJson(files, "quant_config.json"), "awq");
  return quantization;
}

// config.json of a model that was tied, and forgot to say so, or of one that lost its head.
void OpenHead(TensorSet* tensors, const QuantizationConfig& quantization, Checkpoint* checkpoint) {
  ModelConfig& config = checkpoint->config;
  const bool there = std::any_of(tensors->all().begin(), tensors->all().end(),
                                 [](const auto& entry) { return entry.first.starts_with("lm_head."); });
  if (!config.tie_word_embeddings && !there) {
    config.tie_word_embeddings = true;
    checkpoint->notes.push_back(
        "the files hold no lm_head, and config.json does not say that it is tied "
        "(tie_word_embeddings): the embedding is taken for it");
  }
  if (config.tie_word_embeddings) return;
  checkpoint->lm_head = OpenHfLinear(tensors, "lm_head", config.vocab_size, config.hidden_size, quantization);
}

// Whether all linears are plain, whatever config.json says.
void NotePlainWeights(const QuantizationConfig& quantization, Checkpoint* checkpoint) {
  if (quantization.name.empty()) return;
  for (const LayerSource& layer : checkpoint->layers) {
    for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                       &layer.up_proj, &layer.down_proj}) {
      if (!linear->weight->plain()) return;
    }
  }
  checkpoint->notes.push_back("config.json says that the weights are quantised (" + Printable(quantization.name) +
                              "), but they are plain numbers, and run as such");
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
  const QuantizationConfig quantization = ReadQuantization(files, json);
  if (quantization.asymmetric_activations) checkpoint.activation_rule = Checkpoint::ActivationRule::kAsymmetric;
  checkpoint.online_hadamard_down_proj = quantization.online_hadamard_down_proj;
  if (checkpoint.online_hadamard_down_proj) CheckHadamardSize(files, config);
  checkpoint.residual_rotation_seed = quantization.residual_rotation_seed;
  ReadGeneration(files, &checkpoint);

  TensorSet tensors = WithPrefix(ReadSafetensorsModel(files));
  RefuseUnmerged(tensors);
  checkpoint.embed_tokens =
      OpenHfLinear(&tensors, "model.embed_tokens", config.vocab_size, config.hidden_size, quantization);
  for (int n = 0; n < config.num_hidden_layers; ++n) {
    checkpoint.layers.push_back(OpenLayer(&tensors, n, config, quantization));
  }
  checkpoint.norm = tensors.TakeVector("model.norm.weight", config.hidden_size);
  OpenHead(&tensors, quantization, &checkpoint);
  NotePlainWeights(quantization, &checkpoint);
  CheckNothingLeft(tensors, config);
  return checkpoint;
}

}  // namespace puna::engine
