#include "engine/model/footprint.h"

#include <stdexcept>
#include <string>

#include "engine/kernels/attention.h"
#include "engine/layers/packed_weight.h"
#include "engine/layers/paged_attention.h"
#include "engine/model/llama_weights.h"

namespace puna::engine {
namespace {

size_t PackedBytes(WeightFormat format, int64_t outputs, int64_t inputs) {
  const PackedWeight w = EmptyWeight(format, outputs, inputs);
  const size_t per_output = format == WeightFormat::kW8A8   ? sizeof(float) + sizeof(int32_t)
                            : format == WeightFormat::kW4A8 ? sizeof(float)
                                                            : 0;
  return static_cast<size_t>(w.panels) * (static_cast<size_t>(w.panel_bytes) + kPanelCols * per_output);
}

size_t LayerBytes(const LayerSource& layer, WeightFormat format) {
  const auto rows = [](const LinearSource& linear) { return linear.weight->rows(); };
  const auto cols = [](const LinearSource& linear) { return linear.weight->cols(); };
  return PackedBytes(format, rows(layer.q_proj) + rows(layer.k_proj) + rows(layer.v_proj), cols(layer.q_proj)) +
         PackedBytes(format, rows(layer.o_proj), cols(layer.o_proj)) +
         PackedBytes(format, GateUpOutputs(rows(layer.gate_proj)), cols(layer.gate_proj)) +
         PackedBytes(format, rows(layer.down_proj), cols(layer.down_proj)) +
         (layer.input_layernorm.size() + layer.post_attention_layernorm.size()) * sizeof(float);
}

}  // namespace

WeightFormat PlannedFormat(const Checkpoint& checkpoint, const LlamaOptions& options) {
  return options.weights.value_or(NativeFormat(checkpoint));
}

size_t PlannedWeightBytes(const Checkpoint& checkpoint, const LlamaOptions& options) {
  const WeightFormat format = PlannedFormat(checkpoint, options);
  const WeightFormat head = format == WeightFormat::kBf16 ? WeightFormat::kBf16 : WeightFormat::kW8A8;
  size_t total = checkpoint.norm.size() * sizeof(float);
  for (const WeightSource* source : {checkpoint.embed_tokens.get(), checkpoint.lm_head.get()}) {
    if (source != nullptr) total += PackedBytes(head, source->rows(), source->cols());
  }
  for (const LayerSource& layer : checkpoint.layers) total += LayerBytes(layer, format);
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
