// A model that several engines compute with, one after another: what an engine learns ends with it, the weights stay loaded.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/model/model.h"

namespace puna::server {

class LentModel final : public engine::Model {
 public:
  explicit LentModel(std::shared_ptr<engine::Model> model) : model_(std::move(model)) {}

  int vocab_size() const override { return model_->vocab_size(); }
  int max_position() const override { return model_->max_position(); }
  int hidden_size() const override { return model_->hidden_size(); }
  void AllocateKvCache(int num_blocks) override { model_->AllocateKvCache(num_blocks); }
  size_t kv_bytes_per_block() const override { return model_->kv_bytes_per_block(); }
  engine::MatView<const float> Forward(const engine::ForwardInput& input) override { return model_->Forward(input); }
  engine::MatView<const float> HiddenStates() const override { return model_->HiddenStates(); }
  void CopyBlock(engine::BlockId from, engine::BlockId to, int num_tokens) override {
    model_->CopyBlock(from, to, num_tokens);
  }
  void PrepareBlocks(std::span<const engine::BlockId> blocks) override { model_->PrepareBlocks(blocks); }
  void ReadBlock(engine::BlockId block, std::span<uint8_t> bytes) const override { model_->ReadBlock(block, bytes); }
  void WriteBlock(engine::BlockId block, std::span<const uint8_t> bytes) override { model_->WriteBlock(block, bytes); }
  std::string ContentFingerprint(const std::atomic<bool>& stop) const override {
    return model_->ContentFingerprint(stop);
  }
  engine::Isa isa() const override { return model_->isa(); }
  std::string Fingerprint() const override { return model_->Fingerprint(); }
  size_t weight_bytes() const override { return model_->weight_bytes(); }
  size_t mapped_bytes() const override { return model_->mapped_bytes(); }
  double ReadBandwidth() override { return model_->ReadBandwidth(); }
  std::string Format() const override { return model_->Format(); }
  std::string Kernels() const override { return model_->Kernels(); }

 private:
  const std::shared_ptr<engine::Model> model_;
};

}  // namespace puna::server
