// Figures of model: 1; raised when the documents' tables no longer describe this code.
#include "engine/model/llama_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <numbers>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "engine/layers/machine_peaks.h"
#include "engine/model/footprint.h"
#include "engine/model/weights_digest.h"

namespace puna::engine {
namespace {

// The block that the pool gives out is the one that the kernels walk: its positions stand in one strip of memory.
static_assert(kSlots == kBlockSize);

// To be raised whenever keys or values come out in other bits, or lie in a block in another order, than before: what earlier
// versions left on a disk is not read any more. A test knows the bits (llama_model_content_test.cc).
constexpr int kKvContentVersion = 1;

constexpr int64_t kHeadRows = 64;  // rows of logits that the head multiplies at a time

int64_t QWidth(const ModelConfig& c) { return int64_t{c.num_attention_heads} * c.head_dim; }
int64_t KvWidth(const ModelConfig& c) { return int64_t{c.num_key_value_heads} * c.head_dim; }
int64_t QkvWidth(const ModelConfig& c) { return QWidth(c) + 2 * KvWidth(c); }

// Where each of `rows` stands in `kept`, which holds them all; both rise.
std::vector<int32_t> PlacesOf(std::span<const int32_t> rows, std::span<const int32_t> kept) {
  std::vector<int32_t> places;
  places.reserve(rows.size());
  for (size_t i = 0; const int32_t row : rows) {
    while (kept[i] != row) ++i;
    places.push_back(static_cast<int32_t>(i));
  }
  return places;
}

}  // namespace

// The adaptors' inputs in bf16, what stands between A and B, and gate and up before they are multiplied.
struct LlamaModel::LoraBuffers {
  LoraBuffers(int64_t tokens, int64_t widest, int64_t ranks, int64_t gate_up, Isa isa)
      : input(WeightFormat::kBf16, tokens, widest, false, isa),
        low_input(WeightFormat::kBf16, tokens, ranks, false, isa),
        low(tokens * ranks),
        gate_up(tokens * gate_up) {}
  LinearInput input, low_input;
  AlignedBuffer<float> low, gate_up;
};

LlamaSpec SpecOf(const Checkpoint& checkpoint) {
  return {checkpoint.config, checkpoint.activation_rule == Checkpoint::ActivationRule::kAsymmetric,
          checkpoint.online_hadamard_down_proj, checkpoint.residual_rotation_seed};
}

std::unique_ptr<Model> LoadLlama(const Checkpoint& checkpoint, const LlamaOptions& options,
                                 const LoadProgress& progress) {
  CheckHeads(checkpoint.config);
  return std::make_unique<LlamaModel>(SpecOf(checkpoint), PackLlama(checkpoint, options, progress), options);
}

LlamaModel::LlamaModel(const LlamaSpec& spec, LlamaWeights weights, const LlamaOptions& options)
    : config_(spec.config),
      options_(options),
      asymmetric_(spec.asymmetric_activations),
      hadamard_(spec.online_hadamard_down_proj),
      team_(options.threads),
      weights_(std::move(weights)),
      attention_(config_.num_attention_heads, config_.num_key_value_heads, config_.head_dim, options.kv_dtype,
                 options.isa),
      rope_(config_.head_dim, config_.rope_theta, config_.rope_scaling),
      input_(weights_.layer_formats(), options.max_batched_tokens,
             std::max<int64_t>({config_.hidden_size, QWidth(config_), config_.intermediate_size}), asymmetric_,
             options.isa, weights_.max_orders()),
      head_input_(weights_.head().formats(), kHeadRows, config_.hidden_size, asymmetric_, options.isa) {
  if (spec.residual_rotation_seed) rotation_.emplace(config_.hidden_size, *spec.residual_rotation_seed);
  const int64_t tokens = options.max_batched_tokens;
  x_ = AlignedBuffer<float>(tokens * config_.hidden_size);
  qkv_ = AlignedBuffer<float>(tokens * QkvWidth(config_));
  attention_out_ = AlignedBuffer<float>(tokens * QWidth(config_));
  hidden_ = AlignedBuffer<float>(tokens * config_.intermediate_size);
  if (weights_.has_lora()) {
    int64_t ranks = 0;
    for (const LlamaLayer& layer : weights_.layers) {
      for (const auto* lora : {&layer.qkv_lora, &layer.o_lora, &layer.gate_up_lora, &layer.down_lora}) {
        if (*lora) ranks = std::max(ranks, (*lora)->rank());
      }
    }
    const int64_t widest = std::max<int64_t>({config_.hidden_size, QWidth(config_), config_.intermediate_size});
    lora_ = std::make_unique<LoraBuffers>(tokens, widest, ranks, GateUpOutputs(config_.intermediate_size), options.isa);
  }
}

LlamaModel::~LlamaModel() = default;

size_t LlamaModel::kv_bytes_per_block() const { return config_.num_hidden_layers * attention_.block_bytes(); }

void LlamaModel::AllocateKvCache(int num_blocks) {
  kv_ = {};  // the old memory first
  kv_ = KvMemory(config_.num_hidden_layers, PagedAttention::WholeStrips(num_blocks), attention_.block_bytes(), team_);
}

// Integer products, attention on integers and one order of everything that is float: all instruction sets give the same bits.
// (Adaptors are bf16.)
bool LlamaModel::SameOnEveryIsa() const {
  return !(weights_.layer_formats() | weights_.head().formats()).Has(WeightFormat::kBf16) &&
         options_.kv_dtype == KvDtype::kInt8 && !weights_.has_lora();
}

std::string LlamaModel::Fingerprint() const {
  return "model=" + std::to_string(DigestWeights(config_, weights_)) + " weights=" + weights_.LayerForms() +
         " head=" + weights_.HeadForms() + " activations=" + (asymmetric_ ? "asymmetric" : "symmetric") +
         (hadamard_ ? " hadamard" : "") + (rotation_ ? " rotated" : "") + " kv=" + Name(options_.kv_dtype) +
         (SameOnEveryIsa() ? "" : std::string(" isa=") + Name(options_.isa));
}

double LlamaModel::ReadBandwidth() {
  constexpr size_t kEnough = size_t{512} << 20;  // many times any cache
  std::vector<std::span<const uint8_t>> pieces;
  size_t bytes = 0;
  for (const LlamaLayer& layer : weights_.layers) {
    for (const Linear* linear : layer.linears()) {
      for (const PackedWeight& w : linear->weights()) {
        pieces.emplace_back(w.data.data(), w.data.size());
        bytes += w.data.size();
      }
    }
    if (bytes >= kEnough) return ReadRate(pieces, team_);
  }
  return 0;  // a model that lies in the caches
}

std::string LlamaModel::Kernels() const {
  return Name(options_.isa) +
         std::string(weights_.layers.front().qkv_proj.uses_onednn() ? ", oneDNN brgemm for many rows" : "");
}

void LlamaModel::CopyBlock(BlockId from, BlockId to, int num_tokens) {
  PUNA_CHECK(num_tokens >= 0 && num_tokens <= kBlockSize) << num_tokens;
  // A copied block is written on from num_tokens; what stands behind is never looked at.
  for (int layer = 0; layer < config_.num_hidden_layers; ++layer) attention_.CopyBlock(from, to, kv_.layer(layer));
}

// Blocks are written into memory that the kernel has given out already: what touches it later writes, too.
void LlamaModel::PrepareBlocks(std::span<const BlockId> blocks) {
  const auto last = std::max_element(blocks.begin(), blocks.end());
  if (last != blocks.end()) kv_.Prepare(PagedAttention::WholeStrips(*last + 1), 0, team_);
}

void LlamaModel::ReadBlock(BlockId block, std::span<uint8_t> bytes) const {
  PUNA_CHECK(bytes.size() == kv_bytes_per_block()) << bytes.size();
  for (int layer = 0; layer < config_.num_hidden_layers; ++layer) {
    attention_.ReadBlock(block, kv_.layer(layer), bytes.data() + layer * attention_.block_bytes());
  }
}

void LlamaModel::WriteBlock(BlockId block, std::span<const uint8_t> bytes) {
  PUNA_CHECK(bytes.size() == kv_bytes_per_block()) << bytes.size();
  for (int layer = 0; layer < config_.num_hidden_layers; ++layer) {
    attention_.WriteBlock(block, bytes.data() + layer * attention_.block_bytes(), kv_.layer(layer));
  }
}

std::string LlamaModel::ContentFingerprint(const std::atomic<bool>& stop) const {
  const ContentHash weights = HashWeights(config_, weights_, stop);
  return "content=" + std::to_string(kKvContentVersion) + " block=" + std::to_string(kBlockSize) + " " + Fingerprint() +
         " all weights=" + std::to_string(weights.low) + "," + std::to_string(weights.high);
}

// --- One step, in the order of the paper.

MatView<const float> LlamaModel::Forward(const ForwardInput& input) {
  tokens_ = static_cast<int64_t>(input.token_ids.size());
  PUNA_CHECK(tokens_ <= options_.max_batched_tokens) << tokens_;
  PrepareCache(input);
  Embed(input);
  kept_.clear();
  std::set_union(input.logits_rows.begin(), input.logits_rows.end(), input.hidden_rows.begin(), input.hidden_rows.end(),
                 std::back_inserter(kept_));
  for (int layer = 0; layer < config_.num_hidden_layers; ++layer) {
    const bool last = layer + 1 == config_.num_hidden_layers;
    StoreKeys(weights_.layers[layer], kv_.layer(layer));
    if (last) KeepSequences(kept_);
    Attend(kv_.layer(layer));
    if (last) KeepRows(kept_);
    ProjectAttention(weights_.layers[layer]);
    FeedForward(weights_.layers[layer]);
  }
  if (rotation_) {
    team_.ForEach(tokens_, [&](int64_t t, int) { rotation_->ApplyInverse(x_.data() + t * config_.hidden_size); });
  }
  NormHidden(input.hidden_rows);
  if (kept_.size() > input.logits_rows.size()) KeepRows(PlacesOf(input.logits_rows, kept_));
  return Logits();
}

void LlamaModel::PrepareCache(const ForwardInput& input) {
  int num_blocks = 0;
  for (const SequenceChunk& chunk : input.sequences) {
    const auto written =
        chunk.block_table.subspan(chunk.num_computed / kBlockSize,
                                  (chunk.num_computed % kBlockSize + chunk.num_tokens + kBlockSize - 1) / kBlockSize);
    for (const int32_t block : written) num_blocks = std::max(num_blocks, block + 1);
  }
  kv_.Prepare(PagedAttention::WholeStrips(num_blocks),
              tokens_ * static_cast<int64_t>(kv_bytes_per_block()) / kBlockSize, team_);
}

// The final norm's output for these rows of the step.
void LlamaModel::NormHidden(std::span<const int32_t> rows) {
  num_states_ = static_cast<int64_t>(rows.size());
  const int64_t width = config_.hidden_size;
  if (static_cast<int64_t>(states_.size()) < num_states_ * width) states_ = AlignedBuffer<float>(num_states_ * width);
  const std::vector<int32_t> places = PlacesOf(rows, kept_);
  const ElementwiseKernels& kernels = GetElementwiseKernels(options_.isa);
  team_.ForEach(num_states_, [&](int64_t r, int) {
    kernels.rms_norm(x_.data() + places[r] * width, weights_.norm.data(), width,
                     static_cast<float>(config_.rms_norm_eps), states_.data() + r * width);
  });
}

void LlamaModel::Embed(const ForwardInput& input) {
  sequences_.clear();
  pieces_.clear();
  sequence_of_.resize(tokens_);
  for (const SequenceChunk& chunk : input.sequences) {
    std::fill_n(sequence_of_.begin() + chunk.first_token, chunk.num_tokens, static_cast<int32_t>(sequences_.size()));
    sequences_.push_back({chunk.first_token, chunk.num_tokens, chunk.num_computed, chunk.block_table});
    for (int t = 0; t < chunk.num_tokens;) {
      const int count = std::min(chunk.num_tokens - t, kBlockSize - (chunk.num_computed + t) % kBlockSize);
      pieces_.emplace_back(chunk.first_token + t, chunk.first_token + t + count);
      t += count;
    }
  }
  rope_.Resize(tokens_);
  team_.ForEach(tokens_, [&](int64_t t, int) {
    weights_.embed_tokens.weights().front().ReadRow(input.token_ids[t], x_.data() + t * config_.hidden_size);
    if (rotation_) rotation_->Apply(x_.data() + t * config_.hidden_size);
    const AttentionSequence& sequence = sequences_[sequence_of_[t]];
    rope_.SetRow(t, sequence.num_computed + t - sequence.first_row);
  });
}

void LlamaModel::StoreKeys(const LlamaLayer& layer, uint8_t* cache) {
  const MatView<float> x(x_.data(), tokens_, config_.hidden_size);
  const MatView<float> qkv(qkv_.data(), tokens_, QkvWidth(config_));
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const LinearInput::Norm norm{layer.input_layernorm.data(), eps, false};
  input_.Set(x, norm, team_, layer.qkv_proj.formats(), layer.qkv_proj.orders());
  layer.qkv_proj.Forward(input_, {LinearOutput::Kind::kStore, qkv}, team_);
  AddLora(layer.qkv_lora, x, norm, qkv);
  RotateAndStore(cache);
}

void LlamaModel::Attend(const uint8_t* cache) {
  const int64_t width = QWidth(config_);
  const MatView<const float> q(qkv_.data(), tokens_, width, QkvWidth(config_));
  attention_.Forward(sequences_, q, cache, {attention_out_.data(), tokens_, width}, team_);
}

void LlamaModel::ProjectAttention(const LlamaLayer& layer) {
  const MatView<float> x(x_.data(), tokens_, config_.hidden_size);
  const MatView<float> out(attention_out_.data(), tokens_, QWidth(config_));
  input_.Set(out, {}, team_, layer.o_proj.formats(), layer.o_proj.orders());
  layer.o_proj.Forward(input_, {LinearOutput::Kind::kAdd, x}, team_);
  AddLora(layer.o_lora, out, {}, x);
}

// After the last layer's keys and values are stored only rows that something is wanted of go on: the others would end
// here anyway. First they alone attend: each run of them is a sequence that begins further on.
void LlamaModel::KeepSequences(std::span<const int32_t> rows) {
  std::vector<AttentionSequence> kept;
  for (const int32_t row : rows) {
    const AttentionSequence& whole = sequences_[sequence_of_[row]];
    const bool goes_on = !kept.empty() && kept.back().first_row + kept.back().num_rows == row && row != whole.first_row;
    if (goes_on) {
      ++kept.back().num_rows;
    } else {
      kept.push_back({row, 1, whole.num_computed + row - whole.first_row, whole.block_table});
    }
  }
  sequences_ = std::move(kept);
}

void LlamaModel::KeepRows(std::span<const int32_t> rows) {
  tokens_ = static_cast<int64_t>(rows.size());
  for (int64_t r = 0; r < tokens_; ++r) {  // rows rise, so that nothing is overwritten before it has moved
    if (rows[r] == r) continue;
    PUNA_CHECK(rows[r] > r) << "rows must rise";
    std::copy_n(x_.data() + rows[r] * int64_t{config_.hidden_size}, config_.hidden_size,
                x_.data() + r * config_.hidden_size);
    std::copy_n(attention_out_.data() + rows[r] * QWidth(config_), QWidth(config_),
                attention_out_.data() + r * QWidth(config_));
  }
}

// RoPE on queries and keys; queries are scaled for attention's base-2 softmax, keys and values go to the cache.
void LlamaModel::RotateAndStore(uint8_t* cache) {
  const ElementwiseKernels& kernels = GetElementwiseKernels(options_.isa);
  const int d = config_.head_dim;
  const auto q_scale = static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(d)));
  const auto one_token = [&](int64_t t) {
    float* row = qkv_.data() + t * QkvWidth(config_);
    for (int h = 0; h < config_.num_attention_heads; ++h)
      kernels.rope(row + h * d, rope_.cos(t), rope_.sin(t), d, q_scale);
    float* k = row + QWidth(config_);
    for (int h = 0; h < config_.num_key_value_heads; ++h) kernels.rope(k + h * d, rope_.cos(t), rope_.sin(t), d, 1.0f);
    AttentionSequence one = sequences_[sequence_of_[t]];
    one.num_computed += static_cast<int32_t>(t) - one.first_row;
    one.first_row = 0;
    one.num_rows = 1;
    attention_.StoreKv(one, {k, 1, KvWidth(config_)}, {k + KvWidth(config_), 1, KvWidth(config_)}, cache);
  };
  // A task stays within one block: two threads must not write the two halves of a value pair.
  if (tokens_ <= 2) {
    for (int64_t t = 0; t < tokens_; ++t) one_token(t);
    return;
  }
  team_.ForEach(static_cast<int64_t>(pieces_.size()), [&](int64_t p, int) {
    for (int64_t t = pieces_[p].first; t < pieces_[p].second; ++t) one_token(t);
  });
}

void LlamaModel::FeedForward(const LlamaLayer& layer) {
  const MatView<float> x(x_.data(), tokens_, config_.hidden_size);
  const MatView<float> hidden(hidden_.data(), tokens_, config_.intermediate_size);
  const LinearInput::Norm norm{layer.post_attention_layernorm.data(), static_cast<float>(config_.rms_norm_eps), false};
  input_.Set(x, norm, team_, layer.gate_up_proj.formats(), layer.gate_up_proj.orders());
  if (layer.gate_up_lora) {
    GateUpWithLora(layer, x, norm);
  } else {
    layer.gate_up_proj.Forward(input_, {LinearOutput::Kind::kSiluMul, hidden}, team_);
  }
  input_.Set(hidden, {nullptr, 0, hadamard_}, team_, layer.down_proj.formats(), layer.down_proj.orders());
  layer.down_proj.Forward(input_, {LinearOutput::Kind::kAdd, x}, team_);
  AddLora(layer.down_lora, hidden, {nullptr, 0, hadamard_}, x);
}

// The update has to be added before gate and up meet, so the product is stored whole first.
void LlamaModel::GateUpWithLora(const LlamaLayer& layer, MatView<const float> x, const LinearInput::Norm& norm) {
  const MatView<float> wide(lora_->gate_up.data(), tokens_, GateUpOutputs(config_.intermediate_size));
  layer.gate_up_proj.Forward(input_, {LinearOutput::Kind::kStore, wide}, team_);
  AddLora(layer.gate_up_lora, x, norm, wide);
  const ElementwiseKernels& kernels = GetElementwiseKernels(options_.isa);
  constexpr int64_t kHalf = kPanelCols / 2;
  team_.ForEach(tokens_, [&](int64_t t, int) {
    for (int64_t i = 0; i < config_.intermediate_size; i += kHalf) {
      const float* gate = wide.row(t) + 2 * i;
      kernels.silu_mul(gate, gate + kHalf, std::min<int64_t>(kHalf, config_.intermediate_size - i),
                       hidden_.data() + t * config_.intermediate_size + i);
    }
  });
}

void LlamaModel::AddLora(const std::unique_ptr<Lora>& lora, MatView<const float> x, const LinearInput::Norm& norm,
                         MatView<float> y) {
  if (!lora) return;
  const MatView<float> low(lora_->low.data(), tokens_, lora->rank());
  lora_->input.Set(x, norm, team_);
  lora->down.Forward(lora_->input, {LinearOutput::Kind::kStore, low}, team_);
  lora_->low_input.Set(low, {}, team_);
  lora->up.Forward(lora_->low_input, {LinearOutput::Kind::kAdd, y}, team_);
}

MatView<const float> LlamaModel::Logits() {
  const int64_t rows = tokens_;
  const Linear& head = weights_.head();
  if (static_cast<int64_t>(logits_.size()) < rows * config_.vocab_size) {
    logits_ = AlignedBuffer<float>(rows * config_.vocab_size);
  }
  for (int64_t first = 0; first < rows; first += kHeadRows) {
    const int64_t count = std::min(kHeadRows, rows - first);
    head_input_.Set({x_.data() + first * config_.hidden_size, count, config_.hidden_size},
                    {weights_.norm.data(), static_cast<float>(config_.rms_norm_eps), false}, team_, head.formats(),
                    head.orders());
    head.Forward(head_input_,
                 {LinearOutput::Kind::kStore, {logits_.data() + first * config_.vocab_size, count, config_.vocab_size}},
                 team_);
  }
  return {logits_.data(), rows, config_.vocab_size};
}

}  // namespace puna::engine
