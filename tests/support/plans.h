// Plans of a Scheduler in numbers, and steps as the engine would make them.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/scheduler/scheduler.h"

namespace puna::engine {

using Ids = std::vector<TokenId>;

inline Ids Range(TokenId first, int count) {
  Ids ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

inline Request MakeRequest(Ids prompt, int max_new_tokens = 100) {
  Request request;
  request.prompt = std::move(prompt);
  request.stop.max_new_tokens = max_new_tokens;
  request.stream = std::make_shared<TokenStream>();
  return request;
}

inline SchedulerOptions MakeOptions(int num_blocks = 100) {
  SchedulerOptions options;
  options.num_blocks = num_blocks;
  options.max_num_seqs = 4;
  options.max_num_batched_tokens = 64;
  options.max_model_len = num_blocks * kBlockSize;
  options.measured_guesses = false;
  return options;
}

struct Planned {
  uint64_t sequence;
  int first, num_tokens, num_logits;
  bool operator==(const Planned&) const = default;
};
using Plan = std::vector<Planned>;

[[maybe_unused]] inline doctest::String toString(const Plan& plan) {
  std::string text;
  for (const Planned& p : plan) {
    for (const int number : {static_cast<int>(p.sequence), p.first, p.num_tokens, p.num_logits}) {
      text += std::to_string(number) + ' ';
    }
    text += "| ";
  }
  return text.c_str();
}

inline Plan Summary(const BatchPlan& plan) {
  Plan result;
  for (const PlanItem& item : plan.items) {
    result.push_back({item.sequence->arrival, item.first, item.num_tokens, item.num_logits});
  }
  return result;
}

// Does what the engine would do with the plan; each drawn id is `next`.
inline void Complete(Scheduler& scheduler, const BatchPlan& plan, TokenId next = 7) {
  for (const PlanItem& item : plan.items) {
    scheduler.MarkComputed(item);
    if (item.num_logits == 0 || !item.reaches_end()) continue;
    while (!item.sequence->ended() && scheduler.Append(*item.sequence, next)) {
    }
  }
  scheduler.EndStep(plan);
  const std::string fault = scheduler.FindFault();
  CHECK(fault == "");
}

inline Plan Step(Scheduler& scheduler, TokenId next = 7) {
  const BatchPlan plan = scheduler.Schedule();
  auto summary = Summary(plan);
  Complete(scheduler, plan, next);
  return summary;
}

}  // namespace puna::engine
