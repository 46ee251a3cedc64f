// LlamaModel: the Llama decoder over packed weights and a paged KV cache.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/layers/paged_attention.h"
#include "engine/layers/rotation.h"
#include "engine/model/kv_memory.h"
#include "engine/model/llama_weights.h"
#include "engine/model/model.h"
#include "engine/model/rope_table.h"

namespace puna::engine {

class LlamaModel final : public Model {
 public:
  LlamaModel(const LlamaSpec& spec, LlamaWeights weights, const LlamaOptions& options);
  ~LlamaModel() override;

  int vocab_size() const override { return config_.vocab_size; }
  int max_position() const override { return config_.max_position_embeddings; }
  int hidden_size() const override { return config_.hidden_size; }
  void AllocateKvCache(int num_blocks) override;
  size_t kv_bytes_per_block() const override;
  MatView<const float> Forward(const ForwardInput& input) override;
  MatView<const float> HiddenStates() const override { return {states_.data(), num_states_, config_.hidden_size}; }
  void CopyBlock(BlockId from, BlockId to, int num_tokens) override;
  void PrepareBlocks(std::span<const BlockId> blocks) override;
  void ReadBlock(BlockId block, std::span<uint8_t> bytes) const override;
  void WriteBlock(BlockId block, std::span<const uint8_t> bytes) override;
  std::string ContentFingerprint(const std::atomic<bool>& stop) const override;
  Isa isa() const override { return options_.isa; }
  std::string Fingerprint() const override;
  size_t weight_bytes() const override { return weights_.bytes(); }
  size_t mapped_bytes() const override { return weights_.mapped_bytes; }
  double ReadBandwidth() override;
  std::string Format() const override { return weights_.LayerForms(); }
  std::string Kernels() const override;

 private:
  bool SameOnEveryIsa() const;
  void PrepareCache(const ForwardInput& input);
  void Embed(const ForwardInput& input);
  void StoreKeys(const LlamaLayer& layer, uint8_t* cache);  // and queries and values
  void RotateAndStore(uint8_t* cache);
  void Attend(const uint8_t* cache);
  void KeepSequences(std::span<const int32_t> rows);
  void KeepRows(std::span<const int32_t> rows);
  void ProjectAttention(const LlamaLayer& layer);
  void FeedForward(const LlamaLayer& layer);
  void GateUpWithLora(const LlamaLayer& layer, MatView<const float> x, const LinearInput::Norm& norm);
  void AddLora(const std::unique_ptr<Lora>& lora, MatView<const float> x, const LinearInput::Norm& norm,
               MatView<float> y);
  void NormHidden(std::span<const int32_t> rows);
  MatView<const float> Logits();

  ModelConfig config_;
  LlamaOptions options_;
  bool asymmetric_;
  bool hadamard_;
  std::optional<Rotation> rotation_;  // of the residual stream, between table and head
  ThreadTeam team_;
  LlamaWeights weights_;
  PagedAttention attention_;
  RopeRows rope_;
  KvMemory kv_;  // of a layer as PagedAttention lays it out

  // One step's activations, rows = tokens; memory is touched only as far as it is used.
  int64_t tokens_ = 0;
  std::vector<AttentionSequence> sequences_;
  std::vector<int32_t> sequence_of_;                 // [tokens]
  std::vector<std::pair<int64_t, int64_t>> pieces_;  // rows that one thread writes to the cache: within one block
  std::vector<int32_t> kept_;                        // rows that go on behind the last layer's attention
  int64_t num_states_ = 0;
  AlignedBuffer<float> x_, qkv_, attention_out_, hidden_, logits_, states_;
  LinearInput input_, head_input_;

  // Only where the checkpoint has adaptors.
  struct LoraBuffers;
  std::unique_ptr<LoraBuffers> lora_;
};

}  // namespace puna::engine
