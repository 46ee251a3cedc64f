#include "server/convert/quality.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/kv_cache/block_id.h"

namespace puna::server {
namespace {

using engine::MatView;
using engine::TokenId;

int NumBlocks(const std::vector<std::vector<TokenId>>& sequences) {
  size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  return static_cast<int>((longest + engine::kBlockSize - 1) / engine::kBlockSize);
}

// Log of the sum of exponentials, and where the largest is.
struct Summary {
  double log_sum = 0;
  int64_t best = 0;
};

Summary Summarise(const float* logits, int64_t n) {
  const float* top = std::max_element(logits, logits + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(double{logits[i]} - *top);
  return {*top + std::log(sum), top - logits};
}

class Comparison {
 public:
  void AddRow(const float* reference, const float* candidate, int64_t vocab, TokenId next) {
    const Summary p = Summarise(reference, vocab);
    const Summary q = Summarise(candidate, vocab);
    double kl = 0;
    for (int64_t i = 0; i < vocab; ++i) {
      const double log_p = reference[i] - p.log_sum;
      kl += std::exp(log_p) * (log_p - (candidate[i] - q.log_sum));
    }
    ++tokens_;
    kl_ += kl;
    agree_ += p.best == q.best ? 1 : 0;
    reference_loss_ += p.log_sum - reference[next];
    loss_ += q.log_sum - candidate[next];
  }

  Quality Result() const {
    const double n = std::max<double>(1, static_cast<double>(tokens_));
    return {.tokens = tokens_,
            .reference_perplexity = std::exp(reference_loss_ / n),
            .perplexity = std::exp(loss_ / n),
            .mean_kl = kl_ / n,
            .top1_agreement = static_cast<double>(agree_) / n};
  }

 private:
  int64_t tokens_ = 0, agree_ = 0;
  double kl_ = 0, reference_loss_ = 0, loss_ = 0;
};

}  // namespace

void ReserveFor(engine::Model& model, const std::vector<std::vector<TokenId>>& sequences) {
  model.AllocateKvCache(NumBlocks(sequences));
}

Quality CompareModels(engine::Model& reference, engine::Model& candidate,
                      const std::vector<std::vector<TokenId>>& sequences, const std::function<void(double)>& progress) {
  Comparison comparison;
  std::vector<engine::BlockId> table(static_cast<size_t>(NumBlocks(sequences)));
  std::iota(table.begin(), table.end(), 0);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const std::vector<TokenId>& ids = sequences[s];
    // The last token is only predicted.
    for (size_t first = 0; first + 1 < ids.size(); first += kQualityChunk) {
      const auto count = static_cast<int>(std::min<size_t>(kQualityChunk, ids.size() - 1 - first));
      const engine::SequenceChunk chunk{0, count, static_cast<int>(first), table};
      std::vector<int32_t> rows(static_cast<size_t>(count));
      std::iota(rows.begin(), rows.end(), 0);
      const std::span<const TokenId> part(ids.data() + first, static_cast<size_t>(count));
      const MatView<const float> p = reference.Forward({part, {&chunk, 1}, rows});
      const MatView<const float> q = candidate.Forward({part, {&chunk, 1}, rows});
      for (int r = 0; r < count; ++r) {
        comparison.AddRow(p.row(r), q.row(r), p.cols, ids[first + static_cast<size_t>(r) + 1]);
      }
    }
    if (progress) progress(static_cast<double>(s + 1) / static_cast<double>(sequences.size()));
  }
  return comparison.Result();
}

}  // namespace puna::server
