// Sampler: one row of logits and what the client chose -> the next id. The order of operations is vLLM's: bias,
// penalties, temperature, min-p, top-k, top-p. The draw is fixed by (seed, position), so it does not depend on the
// batch around it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/cpu_features.h"
#include "engine/base/token_id.h"
#include "engine/request/sampling_params.h"
#include "engine/request/token_constraint.h"
#include "engine/request/token_counts.h"
#include "engine/request/token_event.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/row_scans.h"

namespace puna::engine {

// What is drawn for, beside the logits. Borrowed for the duration of the call.
struct SampleTask {
  const SamplingParams* params = nullptr;
  const TokenCounts* counts = nullptr;    // of what stands before; null when NeedsTokenCounts(*params) is false
  std::span<const TokenId> forbidden;     // ids that must not come (end ids before min_new_tokens)
  TokenConstraint* constraint = nullptr;  // null: free
  uint64_t position = 0;                  // of the id to draw, in its sequence
  int num_logprobs = -1;                  // as in Request
};

struct SampledToken {
  TokenId id = kNoToken;  // kNoToken: no id may come (everything is masked, or the logits are not numbers)
  std::optional<Logprobs> logprobs;
};

// What an id is drawn from. When `dense`, id i weighs weights[i] and block_sums adds them up by kScanBlock; otherwise
// the candidates and their weights are all there is. Valid until the sampler's next call.
struct Distribution {
  bool dense = false;
  std::span<const float> weights;
  std::span<const float> block_sums;
  std::span<const Candidate> candidates;
  double total = 0;
};

// Keeps buffers between calls; one thread at a time.
class Sampler {
 public:
  Sampler(int vocab_size, Isa isa);

  SampledToken Sample(std::span<const float> logits, const SampleTask& task);

  // Log-softmax of the raw logits at `id`, and the num_top most likely ids.
  Logprobs LogprobsOf(std::span<const float> logits, TokenId id, int num_top);

  // What Sample draws from at a temperature of 1e-5 or more; total is 0 when no id may come. For tests.
  Distribution DistributionOf(std::span<const float> logits, const SampleTask& task);

 private:
  std::span<const float> Adjust(std::span<const float> logits, const SampleTask& task);
  Distribution Filter(std::span<const float> x, const SamplingParams& params);
  Distribution FilterByTopPAlone(std::span<const float> x, float max, const SamplingParams& params);
  Distribution OverCandidates() const;

  const RowScans& scans_;
  size_t vocab_size_;
  std::vector<float> adjusted_, maxima_, weights_, sums_, scratch_;
  std::vector<Candidate> candidates_, selection_;
  std::vector<uint64_t> allowed_;
};

}  // namespace puna::engine
