#include "engine/model/footprint.h"

#include <stdexcept>
#include <string>

#include "engine/kernels/attention.h"
#include "engine/layers/packed_weight.h"
#include "engine/layers/paged_attention.h"
#include "engine/model/layer_plan.h"
#include "engine/model/llama_weights.h"

namespace puna::engine {
namespace {

size_t PackedBytes(const PlannedWeight& planned) {
  const PackedWeight w = EmptyWeight(planned.form, planned.outputs, planned.inputs);
  const size_t per_output = w.format() == WeightFormat::kW8A8   ? sizeof(float) + sizeof(int32_t)
                            : w.format() == WeightFormat::kW4A8 ? sizeof(float)
                                                                : 0;
  const size_t order = w.form.ordered ? static_cast<size_t>(w.inputs) * sizeof(int32_t) : 0;
  return static_cast<size_t>(w.panels) * (static_cast<size_t>(w.panel_bytes) + kPanelCols * per_output) + order;
}

// Calls fn(planned weight) for each of a layer's.
template <typename Fn>
void ForWeights(const FormChooser& chooser, const LayerSource& layer, const Fn& fn) {
  const LayerPlan plan = PlanLayer(chooser, layer);
  for (const auto* weights : {&plan.qkv_proj, &plan.o_proj, &plan.gate_up_proj, &plan.down_proj}) {
    for (const PlannedWeight& weight : *weights) fn(weight);
  }
}

}  // namespace

std::string PlannedForms(const Checkpoint& checkpoint, const LlamaOptions& options) {
  const FormChooser chooser(checkpoint, options.weights);
  std::vector<std::pair<WeightForm, size_t>> weights;
  for (const LayerSource& layer : checkpoint.layers) {
    ForWeights(chooser, layer, [&](const PlannedWeight& w) { weights.emplace_back(w.form, PackedBytes(w)); });
  }
  return FormsBySize(weights);
}

size_t PlannedWeightBytes(const Checkpoint& checkpoint, const LlamaOptions& options) {
  const FormChooser chooser(checkpoint, options.weights);
  size_t total = checkpoint.norm.size() * sizeof(float);
  for (const WeightSource* source : {checkpoint.embed_tokens.get(), checkpoint.lm_head.get()}) {
    if (source == nullptr) continue;
    total += PackedBytes({chooser.OfHead(*source), source->rows(), source->cols(), {source}});
  }
  for (const LayerSource& layer : checkpoint.layers) {
    ForWeights(chooser, layer, [&](const PlannedWeight& w) { total += PackedBytes(w); });
    total += (layer.input_layernorm.size() + layer.post_attention_layernorm.size()) * sizeof(float);
  }
  return total;
}

size_t FileWeightBytes(const Checkpoint& checkpoint) {
  size_t total = 0;
  const auto add = [&](const WeightSource* source) {
    if (source != nullptr) total += static_cast<size_t>(source->file_bytes());
  };
  add(checkpoint.embed_tokens.get());
  add(checkpoint.lm_head.get());
  for (const LayerSource& layer : checkpoint.layers) {
    for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                       &layer.up_proj, &layer.down_proj}) {
      add(linear->weight.get());
    }
  }
  return total;
}

void CheckHeads(const ModelConfig& config) {
  if (PagedAttention::Takes(config.num_attention_heads, config.num_key_value_heads, config.head_dim)) return;
  throw std::runtime_error("head_dim: expected a multiple of 32 up to " + std::to_string(kMaxHeadDim) + ", found " +
                           std::to_string(config.head_dim) +
                           "; attention is not made for heads of this size: use another model");
}

size_t PlannedKvBytesPerBlock(const ModelConfig& config, const LlamaOptions& options) {
  CheckHeads(config);
  const PagedAttention attention(config.num_attention_heads, config.num_key_value_heads, config.head_dim,
                                 options.kv_dtype, options.isa);
  return static_cast<size_t>(config.num_hidden_layers) * static_cast<size_t>(attention.block_bytes());
}

}  // namespace puna::engine
