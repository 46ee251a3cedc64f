// A Llama run over golden prompts, and how far its logits are from the reference's.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/llama.h"
#include "tests/support/npy.h"

namespace puna::engine {

// A model with one sequence: positions in order, blocks in scattered order, `chunk` tokens a step.
class Runner {
 public:
  Runner(const std::string& folder, LlamaOptions options, const OpenOptions& open = {})
      : checkpoint_(OpenCheckpoint(folder, open)) {
    model_ = LoadLlama(checkpoint_, options, {});
    chunk_ = options.max_batched_tokens;
    model_->AllocateKvCache(kBlocks);
  }

  void Start() {
    computed_ = 0;
    table_.resize(kBlocks);
    std::iota(table_.begin(), table_.end(), 0);
    for (int i = 0; i + 1 < kBlocks; i += 2) std::swap(table_[i], table_[kBlocks - 1 - i]);
  }

  // Logits after each of `ids`, row by row.
  std::vector<std::vector<float>> Feed(const std::vector<TokenId>& ids) {
    std::vector<std::vector<float>> rows;
    for (size_t first = 0; first < ids.size(); first += chunk_) {
      const int count = static_cast<int>(std::min<size_t>(chunk_, ids.size() - first));
      const std::vector<TokenId> part(ids.begin() + first, ids.begin() + first + count);
      std::vector<int32_t> wanted(count);
      std::iota(wanted.begin(), wanted.end(), 0);
      const SequenceChunk sequence{0, count, computed_, table_};
      const auto logits = model_->Forward({part, {&sequence, 1}, wanted});
      for (int r = 0; r < count; ++r) rows.emplace_back(logits.row(r), logits.row(r) + logits.cols);
      computed_ += count;
    }
    return rows;
  }

 private:
  static constexpr int kBlocks = 600;
  Checkpoint checkpoint_;
  std::unique_ptr<Model> model_;
  std::vector<BlockId> table_;
  size_t chunk_ = 0;
  int computed_ = 0;
};

inline std::vector<float> LogSoftmax(const std::vector<float>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - top);
  std::vector<float> out;
  for (const float x : logits) out.push_back(static_cast<float>(x - top - std::log(sum)));
  return out;
}

struct Distance {
  double mean_kl = 0;  // over the reference's 20 most likely tokens and all others taken together: at most the true one
  double top1 = 0;     // share of positions with the same most likely token
  double rms = 0;      // of the last position's logits
};

inline Distance Compare(const std::vector<std::vector<float>>& got, const std::string& prefix) {
  const auto ids = testing::ReadNpy<int32_t>(prefix + ".top20_ids.npy");
  const auto logprobs = testing::ReadNpy<float>(prefix + ".top20_logprobs.npy");
  const auto last = testing::ReadNpy<float>(prefix + ".last_logits.npy");
  const auto rows = static_cast<size_t>(ids.shape[0]);
  REQUIRE(got.size() >= rows);
  Distance distance;
  for (size_t r = 0; r < rows; ++r) {
    const std::vector<float>& logits = got[got.size() - rows + r];
    const std::vector<float> mine = LogSoftmax(logits);
    double kl = 0, rest = 1, my_rest = 1;
    for (int i = 0; i < 20; ++i) {
      const double reference = logprobs.data[r * 20 + i];
      const double own = mine[ids.data[r * 20 + i]];
      kl += std::exp(reference) * (reference - own);
      rest -= std::exp(reference);
      my_rest -= std::exp(own);
    }
    if (rest > 1e-6 && my_rest > 1e-6) kl += rest * std::log(rest / my_rest);
    distance.mean_kl += kl / static_cast<double>(rows);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    distance.top1 += best == ids.data[r * 20] ? 1.0 / rows : 0.0;
  }
  for (size_t i = 0; i < last.data.size(); ++i) {
    const double d = got.back()[i] - last.data[i];
    distance.rms += d * d / static_cast<double>(last.data.size());
  }
  distance.rms = std::sqrt(distance.rms);
  return distance;
}

}  // namespace puna::engine
