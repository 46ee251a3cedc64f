#include "engine/scheduler/batch_plan.h"

#include <sstream>

namespace puna::engine {

std::string Describe(const BatchPlan& plan) {
  std::ostringstream text;
  text << plan.num_prompt_tokens << " prompt tokens, " << plan.num_decode_tokens << " decoded";
  for (const PlanItem& item : plan.items) {
    const Sequence& s = *item.sequence;
    text << "; " << s.request.id << '#' << s.arrival << " [" << item.first << ", "
         << item.first + item.num_tokens - item.num_draft << ") of " << s.num_prompt() << " + " << s.num_output()
         << ", " << item.num_draft << " guesses, " << item.num_logits << " logits, " << item.num_hidden() << " hidden";
  }
  for (const PlannedCopy& planned : plan.copies) {
    text << "; copy " << planned.copy.num_tokens << " of block " << planned.copy.from << " to " << planned.copy.to;
  }
  return text.str();
}

}  // namespace puna::engine
