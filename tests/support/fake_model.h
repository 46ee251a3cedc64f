// FakeModel: a model whose next token is a deterministic function of all ids before it, as read back from its "KV
// cache" through the block table. A wrong block, position, copy or order shows as a wrong token.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/check.h"
#include "engine/model/model.h"

namespace puna::engine {

struct FakeModelOptions {
  int vocab_size = 97;
  int max_position = 4096;
  int max_batched_tokens = 512;  // what a step may hold at most, as the real model is told
  int window = 0;  // > 0: the ids before the last `window` do not matter (their positions do): the text repeats itself
  std::chrono::microseconds step_time{0};
  std::string weights = {};                // another content for the disk
  std::function<void()> before_step = {};  // called on the engine's thread
};

class FakeModel : public Model {
 public:
  explicit FakeModel(FakeModelOptions options = {}) : options_(options) {}

  // What the cache holds at one position.
  struct Slot {
    TokenId id = kNoToken;
    int position = -1;
  };

  // Logits [vocab_size] after these slots: in [0, 8).
  static void LogitsAfter(const std::vector<Slot>& context, const FakeModelOptions& options, float* logits) {
    uint64_t digest = 1;
    for (size_t i = 0; i < context.size(); ++i) {
      const bool matters = options.window == 0 || i + options.window >= context.size();
      const bool sound = context[i].position == static_cast<int>(i) && context[i].id >= 0;
      if (!sound) digest = Mix(digest + 0xbad);
      if (matters) digest = Mix(digest ^ static_cast<uint32_t>(context[i].id));
    }
    for (int v = 0; v < options.vocab_size; ++v) {
      logits[v] = static_cast<float>(Mix(digest + static_cast<uint64_t>(v)) >> 40) * 0x1.0p-21f;
    }
  }

  int vocab_size() const override { return options_.vocab_size; }
  int max_position() const override { return options_.max_position; }
  int hidden_size() const override { return kHiddenSize; }
  void AllocateKvCache(int num_blocks) override { slots_.assign(static_cast<size_t>(num_blocks) * kBlockSize, {}); }
  size_t kv_bytes_per_block() const override { return kBlockSize * sizeof(Slot); }
  Isa isa() const override { return DetectIsa(); }
  std::string Fingerprint() const override { return "fake"; }
  size_t weight_bytes() const override { return 0; }
  std::string Format() const override { return "fake"; }

  void CopyBlock(BlockId from, BlockId to, int num_tokens) override {
    PUNA_CHECK(from != to && num_tokens > 0 && num_tokens <= kBlockSize) << from << ' ' << to << ' ' << num_tokens;
    for (int i = 0; i < num_tokens; ++i) At(to, i) = At(from, i);
  }

  // A block's slots as they are. The test may look on, or stand in the way.
  void PrepareBlocks(std::span<const BlockId> blocks) override {
    for (const BlockId block : blocks) At(block, 0) = {};
  }
  void ReadBlock(BlockId block, std::span<uint8_t> bytes) const override {
    PUNA_CHECK(bytes.size() == kv_bytes_per_block());
    std::memcpy(bytes.data(), &slots_.at(static_cast<size_t>(block) * kBlockSize), bytes.size());
  }
  void WriteBlock(BlockId block, std::span<const uint8_t> bytes) override {
    PUNA_CHECK(bytes.size() == kv_bytes_per_block());
    std::memcpy(&At(block, 0), bytes.data(), bytes.size());
  }
  std::string ContentFingerprint(const std::atomic<bool>& stop) const override {
    return stop ? "" : Fingerprint() + options_.weights;
  }

  MatView<const float> Forward(const ForwardInput& input) override {
    if (fail_next_step.exchange(false)) throw std::runtime_error("the fake model was told to fail");
    PUNA_CHECK(!fail_next_check.exchange(false)) << "as told";
    if (options_.before_step) options_.before_step();
    if (options_.step_time.count() > 0) std::this_thread::sleep_for(options_.step_time);
    CheckInput(input);
    ++num_steps;
    num_tokens += input.token_ids.size();
    for (const SequenceChunk& chunk : input.sequences) Store(input, chunk);
    logits_.resize(input.logits_rows.size() * options_.vocab_size);
    for (size_t row = 0; row < input.logits_rows.size(); ++row) {
      ReadBack(input, input.logits_rows[row]);
      LogitsAfter(context_, options_, &logits_[row * options_.vocab_size]);
    }
    hidden_.clear();
    for (const int32_t row : input.hidden_rows) {
      ReadBack(input, row);
      const std::vector<float> state = HiddenAfter(context_, options_);
      hidden_.insert(hidden_.end(), state.begin(), state.end());
    }
    return {logits_.data(), static_cast<int64_t>(input.logits_rows.size()), options_.vocab_size};
  }

  // The hidden state behind these slots: [kHiddenSize].
  static constexpr int kHiddenSize = 8;
  static std::vector<float> HiddenAfter(const std::vector<Slot>& context, const FakeModelOptions& options) {
    std::vector<float> logits(options.vocab_size);
    LogitsAfter(context, options, logits.data());
    return {logits.begin(), logits.begin() + kHiddenSize};
  }

  MatView<const float> HiddenStates() const override {
    return {hidden_.data(), static_cast<int64_t>(hidden_.size()) / kHiddenSize, kHiddenSize};
  }

  std::atomic<bool> fail_next_step{false}, fail_next_check{false};
  std::atomic<uint64_t> num_steps{0}, num_tokens{0};

 private:
  static uint64_t Mix(uint64_t x) {  // SplitMix64
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  Slot& At(BlockId block, int offset) { return slots_.at(static_cast<size_t>(block) * kBlockSize + offset); }

  // What LlamaModel counts on: no more rows than its buffers hold, every row in one sequence, ids of the vocabulary,
  // rising rows, blocks that exist.
  void CheckInput(const ForwardInput& input) const {
    const auto num_rows = static_cast<int>(input.token_ids.size());
    PUNA_CHECK(num_rows > 0 && num_rows <= options_.max_batched_tokens)
        << num_rows << " of " << options_.max_batched_tokens;
    int row = 0;
    for (const SequenceChunk& chunk : input.sequences) {
      PUNA_CHECK(chunk.first_token == row) << chunk.first_token << ' ' << row;
      row += chunk.num_tokens;
      const int end = chunk.num_computed + chunk.num_tokens;
      PUNA_CHECK(end <= options_.max_position) << end;
    }
    PUNA_CHECK(row == num_rows) << row << ' ' << num_rows;
    for (const TokenId id : input.token_ids) PUNA_CHECK(id >= 0 && id < options_.vocab_size) << id;
    for (const auto* rows : {&input.logits_rows, &input.hidden_rows}) {
      for (size_t i = 0; i < rows->size(); ++i) {
        PUNA_CHECK((*rows)[i] < num_rows && (i == 0 || (*rows)[i] > (*rows)[i - 1])) << (*rows)[i];
      }
    }
  }

  void Store(const ForwardInput& input, const SequenceChunk& chunk) {
    const int end = chunk.num_computed + chunk.num_tokens;
    PUNA_CHECK(chunk.num_tokens > 0 && end <= static_cast<int>(chunk.block_table.size()) * kBlockSize) << end;
    for (int i = 0; i < chunk.num_tokens; ++i) {
      const int position = chunk.num_computed + i;
      At(chunk.block_table[position / kBlockSize], position % kBlockSize) = {input.token_ids[chunk.first_token + i],
                                                                             position};
    }
  }

  // All slots up to the token at `index` of the step, into context_.
  void ReadBack(const ForwardInput& input, int index) {
    for (const SequenceChunk& chunk : input.sequences) {
      if (index < chunk.first_token || index >= chunk.first_token + chunk.num_tokens) continue;
      context_.clear();
      for (int position = 0; position <= chunk.num_computed + index - chunk.first_token; ++position) {
        context_.push_back(At(chunk.block_table[position / kBlockSize], position % kBlockSize));
      }
      return;
    }
    PUNA_CHECK(false) << "row " << index << " is in no sequence";
  }

  const FakeModelOptions options_;
  std::vector<Slot> slots_, context_;
  std::vector<float> logits_, hidden_;
};

}  // namespace puna::engine
