// BatchPlan: what one step computes, in terms of sequences. Dies with the step.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "engine/kv_cache/block_table.h"
#include "engine/scheduler/sequence.h"

namespace puna::engine {

// Rows of logits for prompt log-probabilities in one step, and rows of sampled tokens and guesses in a step that
// guesses.
inline constexpr int kMaxPromptRows = 64;
inline constexpr int kMaxDraftRows = 32;

// Positions [first, first + num_tokens) of a sequence: known tokens, and behind them num_draft guesses.
struct PlanItem {
  Sequence* sequence = nullptr;
  int first = 0;
  int num_tokens = 0;
  int num_draft = 0;
  int num_logits = 0;  // the last so many positions want their logits

  // The last so many positions want their hidden states: of a request that pools.
  int num_hidden() const {
    switch (sequence->request.pooling) {
      case Pooling::kMean:
        return std::max(0, first + num_tokens - std::max(first, sequence->pooler->num_pooled()));
      case Pooling::kLast:
        return reaches_end() ? 1 : 0;
      default:
        return 0;
    }
  }

  // All known tokens will be computed: the next can be drawn.
  bool reaches_end() const { return first + num_tokens - num_draft == sequence->num_tokens(); }
};

struct PlannedCopy {
  Sequence* sequence = nullptr;
  BlockCopy copy;
};

struct BatchPlan {
  std::vector<PlanItem> items;
  std::vector<PlannedCopy> copies;  // to be done before anything is computed
  int num_decode_tokens = 0;        // of sequences that only decode, guesses included
  int num_prompt_tokens = 0;
  double draft_seconds = 0;  // that a draft model took while it was made
  bool given_up = false;     // there was no memory for it: it is empty, and the next one may not be

  bool empty() const { return items.empty(); }
  int num_tokens() const { return num_decode_tokens + num_prompt_tokens; }
};

// The plan in one line, for a report of a step that failed: each item as request id [first, end) of the known tokens,
// guesses, rows of logits and hidden states, then the copies.
std::string Describe(const BatchPlan& plan);

}  // namespace puna::engine
