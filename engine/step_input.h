// The plan of a step, flattened for the model.
#pragma once

#include <vector>

#include "engine/model/forward_input.h"
#include "engine/scheduler/batch_plan.h"

namespace puna::engine {

// Owns the arrays that a ForwardInput borrows. Block tables are borrowed from the plan's sequences.
struct StepInput {
  std::vector<TokenId> token_ids;
  std::vector<SequenceChunk> sequences;
  std::vector<int32_t> logits_rows, hidden_rows;

  ForwardInput view() const { return {token_ids, sequences, logits_rows, hidden_rows}; }
};

// Sequences in the order of the plan's items; rows of logits (and of hidden states) of item i follow those of item
// i - 1.
StepInput BuildStepInput(const BatchPlan& plan);

}  // namespace puna::engine
