#include "engine/quantize/layer_forward.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {
namespace {

int64_t QWidth(const ModelConfig& c) { return int64_t{c.num_attention_heads} * c.head_dim; }
int64_t KvWidth(const ModelConfig& c) { return int64_t{c.num_key_value_heads} * c.head_dim; }
int64_t Widest(const ModelConfig& c) { return std::max<int64_t>({c.hidden_size, QWidth(c), c.intermediate_size}); }

}  // namespace

LayerForward::LayerForward(const LlamaSpec& spec, WeightFormat format, int64_t max_tokens, Isa isa, ThreadTeam& team)
    : spec_(spec),
      isa_(isa),
      team_(team),
      attention_(spec.config.num_attention_heads, spec.config.num_key_value_heads, spec.config.head_dim, KvDtype::kBf16,
                 isa),
      rope_(spec.config.head_dim, spec.config.rope_theta, spec.config.rope_scaling),
      block_table_((max_tokens + kBlockSize - 1) / kBlockSize),
      input_(format, max_tokens, Widest(spec.config), spec.asymmetric_activations, isa),
      cache_(PagedAttention::WholeStrips(static_cast<int>(block_table_.size())) * attention_.block_bytes()),
      prepared_(max_tokens * Widest(spec.config)),
      qkv_(max_tokens * (QWidth(spec.config) + 2 * KvWidth(spec.config))),
      attention_out_(max_tokens * QWidth(spec.config)),
      hidden_(max_tokens * spec.config.intermediate_size) {
  std::iota(block_table_.begin(), block_table_.end(), 0);
  rope_.Resize(max_tokens);
  for (int64_t t = 0; t < max_tokens; ++t) rope_.SetRow(t, t);
}

void LayerForward::SetInput(MatView<const float> x, const float* norm, bool hadamard, LinearGroup group,
                            const InputObserver& observe) {
  const ElementwiseKernels& kernels = GetElementwiseKernels(isa_);
  const MatView<float> prepared(prepared_.data(), x.rows, x.cols);
  team_.ForEach(x.rows, [&](int64_t t, int) {
    if (norm != nullptr) {
      kernels.rms_norm(x.row(t), norm, x.cols, static_cast<float>(spec_.config.rms_norm_eps), prepared.row(t));
    } else {
      std::copy_n(x.row(t), x.cols, prepared.row(t));
    }
    if (hadamard) kernels.fwht(prepared.row(t), x.cols);
  });
  if (observe) observe(group, prepared);
  input_.Set(prepared, {}, team_);
}

void LayerForward::Run(const LlamaLayer& layer, MatView<float> x, const InputObserver& observe) {
  const ModelConfig& c = spec_.config;
  PUNA_CHECK(x.cols == c.hidden_size && !layer.qkv_lora && !layer.o_lora && !layer.gate_up_lora && !layer.down_lora);
  const MatView<float> qkv(qkv_.data(), x.rows, QWidth(c) + 2 * KvWidth(c));
  const MatView<float> attended(attention_out_.data(), x.rows, QWidth(c));
  const MatView<float> hidden(hidden_.data(), x.rows, c.intermediate_size);
  SetInput(x, layer.input_layernorm.data(), false, LinearGroup::kQkv, observe);
  layer.qkv_proj.Forward(input_, {LinearOutput::Kind::kStore, qkv}, team_);
  Attend(x.rows);
  SetInput(attended, nullptr, false, LinearGroup::kO, observe);
  layer.o_proj.Forward(input_, {LinearOutput::Kind::kAdd, x}, team_);
  SetInput(x, layer.post_attention_layernorm.data(), false, LinearGroup::kGateUp, observe);
  layer.gate_up_proj.Forward(input_, {LinearOutput::Kind::kSiluMul, hidden}, team_);
  SetInput(hidden, nullptr, spec_.online_hadamard_down_proj, LinearGroup::kDown, observe);
  layer.down_proj.Forward(input_, {LinearOutput::Kind::kAdd, x}, team_);
}

void LayerForward::Attend(int64_t tokens) {
  const ModelConfig& c = spec_.config;
  const ElementwiseKernels& kernels = GetElementwiseKernels(isa_);
  const int64_t width = QWidth(c) + 2 * KvWidth(c);
  const auto q_scale = static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(c.head_dim)));
  team_.ForEach((tokens + kBlockSize - 1) / kBlockSize, [&](int64_t block, int) {
    const int64_t first = block * kBlockSize;
    const int64_t count = std::min<int64_t>(kBlockSize, tokens - first);
    for (int64_t t = first; t < first + count; ++t) {
      float* row = qkv_.data() + t * width;
      for (int h = 0; h < c.num_attention_heads; ++h) {
        kernels.rope(row + h * c.head_dim, rope_.cos(t), rope_.sin(t), c.head_dim, q_scale);
      }
      float* k = row + QWidth(c);
      for (int h = 0; h < c.num_key_value_heads; ++h) {
        kernels.rope(k + h * c.head_dim, rope_.cos(t), rope_.sin(t), c.head_dim, 1.0f);
      }
    }
    const float* k = qkv_.data() + first * width + QWidth(c);
    attention_.StoreKv({0, static_cast<int32_t>(count), static_cast<int32_t>(first), block_table_},
                       {k, count, KvWidth(c), width}, {k + KvWidth(c), count, KvWidth(c), width}, cache_.data());
  });
  const AttentionSequence all{0, static_cast<int32_t>(tokens), 0, block_table_};
  attention_.Forward({&all, 1}, {qkv_.data(), tokens, QWidth(c), width}, cache_.data(),
                     {attention_out_.data(), tokens, QWidth(c)}, team_);
}

}  // namespace puna::engine
