#include "server/bench/bench_context.h"

#include <algorithm>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/percentile.h"
#include "server/bench/bench_stream.h"

namespace puna::server {

SteppedModel::SteppedModel(engine::Model& model, int num_tokens, int max_tokens)
    : model_(model), max_tokens_(max_tokens), table_((num_tokens + engine::kBlockSize - 1) / engine::kBlockSize) {
  std::iota(table_.begin(), table_.end(), 0);
  model_.AllocateKvCache(static_cast<int>(table_.size()));
}

void SteppedModel::Fill() {
  const int num_tokens = static_cast<int>(table_.size()) * engine::kBlockSize;
  Step(0, std::min(num_tokens, max_tokens_));
  const int computed = max_tokens_ / engine::kBlockSize;
  PUNA_CHECK(computed > 0) << max_tokens_;
  for (int block = computed; block < static_cast<int>(table_.size()); ++block) {
    model_.CopyBlock(block % computed, block, engine::kBlockSize);
  }
}

double SteppedModel::Step(int depth, int count, int num_logits) {
  const std::vector<engine::TokenId> ids = RandomIds(count, model_.vocab_size(), rng_);
  const engine::SequenceChunk chunk{0, count, depth, table_};
  std::vector<int32_t> rows(static_cast<size_t>(num_logits));
  std::iota(rows.begin(), rows.end(), count - num_logits);
  engine::ForwardInput input;
  input.token_ids = ids;
  input.sequences = {&chunk, 1};
  input.logits_rows = rows;
  const double start = SecondsNow();
  model_.Forward(input);
  return SecondsNow() - start;
}

double SteppedModel::MedianStep(int depth, int count, int runs, int num_logits) {
  std::vector<double> seconds(runs);
  for (double& s : seconds) s = Step(depth, count, num_logits);
  return engine::Median(seconds);
}

}  // namespace puna::server
