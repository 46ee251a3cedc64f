#include "engine/step_input.h"

namespace puna::engine {

StepInput BuildStepInput(const BatchPlan& plan) {
  StepInput input;
  input.token_ids.reserve(plan.num_tokens());
  for (const PlanItem& item : plan.items) {
    const Sequence& s = *item.sequence;
    const auto first_token = static_cast<int32_t>(input.token_ids.size());
    const auto known = s.tokens.begin() + item.first;
    input.token_ids.insert(input.token_ids.end(), known, known + (item.num_tokens - item.num_draft));
    input.token_ids.insert(input.token_ids.end(), s.draft.begin(), s.draft.begin() + item.num_draft);
    input.sequences.push_back({first_token, item.num_tokens, item.first, s.table.blocks()});
    for (int i = item.num_tokens - item.num_hidden(); i < item.num_tokens; ++i)
      input.hidden_rows.push_back(first_token + i);
    for (int i = item.num_tokens - item.num_logits; i < item.num_tokens; ++i)
      input.logits_rows.push_back(first_token + i);
  }
  return input;
}

}  // namespace puna::engine
