// The policy, step by step, with exact plans.
#include "engine/scheduler/scheduler.h"

#include <doctest/doctest.h>

#include <tuple>
#include <vector>

#include "tests/support/plans.h"

namespace puna::engine {
namespace {

TEST_CASE("a prompt is computed in chunks of the budget, then one token a step") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 100), 2));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  CHECK(Step(scheduler) == Plan{{0, 64, 36, 1}});
  CHECK(Step(scheduler) == Plan{{0, 100, 1, 1}});
  CHECK(scheduler.idle());
  const auto finished = scheduler.TakeFinished();
  REQUIRE(finished.size() == 1);
  CHECK(finished[0]->finish->reason == FinishReason::kLength);
  CHECK(finished[0]->finish->usage.prompt_tokens == 100);
  CHECK(finished[0]->finish->usage.completion_tokens == 2);
  CHECK(scheduler.pool().num_held() == 0);
}

TEST_CASE("decoding comes first, prompts share the rest, waiting ones join") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 10)));
  CHECK(Step(scheduler) == Plan{{0, 0, 10, 1}});
  scheduler.Add(MakeRequest(Range(1000, 70)));
  scheduler.Add(MakeRequest(Range(2000, 90)));
  CHECK(Step(scheduler) == Plan{{0, 10, 1, 1}, {1, 0, 63, 0}});
  CHECK(Step(scheduler) == Plan{{0, 11, 1, 1}, {1, 63, 7, 1}, {2, 0, 56, 0}});
  CHECK(Step(scheduler) == Plan{{0, 12, 1, 1}, {1, 70, 1, 1}, {2, 56, 34, 1}});
}

// Asks for the prompt alone, to its end; why no more of it was found.
PrefixMiss MissOf(Scheduler& scheduler, Request request) {
  request.stop.max_new_tokens = 1;
  scheduler.Add(std::move(request));
  while (!scheduler.idle()) Step(scheduler);
  return scheduler.TakeFinished().at(0)->missed;
}

TEST_CASE("it is known why a prompt was not found in the cache, and how many tokens that cost") {
  Scheduler scheduler(MakeOptions(8));
  const Ids text = Range(0, 40);
  CHECK(MissOf(scheduler, MakeRequest(text)) == PrefixMiss::kNew);
  CHECK(MissOf(scheduler, MakeRequest(text)) == PrefixMiss::kNothing);
  Ids longer = text;
  longer.push_back(500);
  longer.push_back(501);
  CHECK(MissOf(scheduler, MakeRequest(longer)) == PrefixMiss::kContinued);
  Ids other = text;
  other.resize(20);
  other.push_back(600);
  other.push_back(601);
  CHECK(MissOf(scheduler, MakeRequest(other)) == PrefixMiss::kBranched);
  Request scored = MakeRequest(text);
  scored.prompt_logprobs = true;
  scored.num_logprobs = 0;
  CHECK(MissOf(scheduler, std::move(scored)) == PrefixMiss::kBarred);
  CHECK(MissOf(scheduler, MakeRequest(Range(1000, 120))) == PrefixMiss::kNew);  // takes all blocks
  CHECK(MissOf(scheduler, MakeRequest(text)) == PrefixMiss::kEvicted);
  const MissedTokens& missed = scheduler.counts().missed_tokens;
  CHECK(missed[static_cast<size_t>(PrefixMiss::kNew)] == 160);
  CHECK(missed[static_cast<size_t>(PrefixMiss::kBranched)] == 2);
  CHECK(missed[static_cast<size_t>(PrefixMiss::kBarred)] == 40);
  uint64_t all = 0;
  for (const uint64_t tokens : missed) all += tokens;
  CHECK(all == scheduler.counts().query_tokens - scheduler.counts().hit_tokens);
}

TEST_CASE("without a prefix cache nothing was looked for") {
  SchedulerOptions options = MakeOptions();
  options.prefix_caching = false;
  Scheduler scheduler(options);
  CHECK(MissOf(scheduler, MakeRequest(Range(0, 40))) == PrefixMiss::kBarred);
}

TEST_CASE("short prompts do not queue behind a long one, which keeps half") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 1000)));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  scheduler.Add(MakeRequest(Range(2000, 20)));
  scheduler.Add(MakeRequest(Range(3000, 40)));
  CHECK(Step(scheduler) == Plan{{1, 0, 20, 1}, {2, 0, 12, 0}, {0, 64, 32, 0}});
  CHECK(Step(scheduler) == Plan{{1, 20, 1, 1}, {2, 12, 28, 1}, {0, 96, 35, 0}});
}

TEST_CASE("a short prompt that waits goes before a running one that is longer, however much that one lacks") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 1000)));
  Step(scheduler);
  scheduler.Add(MakeRequest(Range(2000, 500)));
  CHECK(Step(scheduler) == Plan{{1, 0, 32, 0}, {0, 64, 32, 0}});
  scheduler.Add(MakeRequest(Range(3000, 20)));
  CHECK(Step(scheduler) == Plan{{2, 0, 20, 1}, {1, 32, 12, 0}, {0, 96, 32, 0}});
}

// One row too many ended the process: the prompts' budget was taken before sequences came that count as decoding.
TEST_CASE("no step has more rows than the budget: prompts found in the cache but for one token, prompts of one token") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(5000, 40), 1));
  Step(scheduler);
  scheduler.Add(MakeRequest(Range(0, 1000)));
  CHECK(Step(scheduler) == Plan{{1, 0, 64, 0}});
  scheduler.Add(MakeRequest(Range(5000, 40), 1));  // lacks its last token
  scheduler.Add(MakeRequest(Range(7000, 1), 1));
  const Plan plan = Step(scheduler);
  CHECK(plan == Plan{{2, 39, 1, 1}, {3, 0, 1, 1}, {1, 64, 62, 0}});
}

TEST_CASE("prompts of the same length go one after the other") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 128)));
  scheduler.Add(MakeRequest(Range(1000, 128)));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  CHECK(Step(scheduler) == Plan{{0, 64, 64, 1}});
  CHECK(Step(scheduler) == Plan{{0, 128, 1, 1}, {1, 0, 63, 0}});
}

TEST_CASE("max_num_seqs limits who runs") {
  Scheduler scheduler(MakeOptions());
  for (int i = 0; i < 6; ++i) scheduler.Add(MakeRequest(Range(100 * i, 4), 3));
  CHECK(Step(scheduler).size() == 4);
  CHECK(scheduler.num_waiting() == 2);
  Step(scheduler);
  Step(scheduler);  // the first four have their three tokens
  CHECK(scheduler.num_running() == 0);
  CHECK(Step(scheduler) == Plan{{4, 0, 4, 1}, {5, 0, 4, 1}});
}

TEST_CASE("the youngest is preempted when blocks run out, and comes back from the cache") {
  SchedulerOptions options = MakeOptions(6);
  Scheduler scheduler(options);
  Sequence& old = scheduler.Add(MakeRequest(Range(0, 30), 30));
  Sequence& young = scheduler.Add(MakeRequest(Range(100, 14), 60));
  CHECK(Step(scheduler) == Plan{{0, 0, 30, 1}, {1, 0, 14, 1}});  // 2 + 1 blocks
  int steps = 0;
  while (young.is_running) {
    Step(scheduler, 7);
    REQUIRE(++steps < 100);
  }
  CHECK(old.is_running);
  CHECK(young.usage.preemptions == 1);
  CHECK(young.table.blocks().empty());
  CHECK(young.num_computed == 0);
  while (!old.ended()) Step(scheduler, 7);
  const int known = young.num_tokens();
  const BatchPlan plan = scheduler.Schedule();
  REQUIRE(plan.items.size() == 1);
  CHECK(plan.items[0].sequence == &young);
  CHECK(plan.items[0].first > 0);  // most of it was still cached
  CHECK(plan.items[0].first + plan.items[0].num_tokens == known);
  CHECK(young.usage.cached_tokens == 0);  // counts the first admission only
  Complete(scheduler, plan);
  while (!scheduler.idle()) Step(scheduler);
  CHECK(scheduler.pool().num_held() == 0);
}

TEST_CASE("nobody is admitted whose known tokens do not fit beside the others'") {
  Scheduler scheduler(MakeOptions(10));
  scheduler.Add(MakeRequest(Range(0, 120), 5));  // 8 blocks
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  scheduler.Add(MakeRequest(Range(500, 20), 5));
  CHECK(Step(scheduler) == Plan{{0, 64, 56, 1}});
  CHECK(scheduler.num_waiting() == 1);  // 2 blocks are free, and one is kept for growth
  while (scheduler.num_waiting() > 0) Step(scheduler);
  CHECK(scheduler.num_running() == 1);
}

TEST_CASE("a request as long as the cache runs alone to its end") {
  Scheduler scheduler(MakeOptions(4));
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 40), 24));
  scheduler.Add(MakeRequest(Range(100, 30), 34));
  while (!s.ended()) Step(scheduler);
  while (!scheduler.idle()) Step(scheduler);
  for (const auto& finished : scheduler.TakeFinished()) {
    CHECK(finished->num_tokens() == 64);
    CHECK(finished->finish->reason == FinishReason::kLength);
  }
}

TEST_CASE("the cached beginning is taken over, to the token") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 40), 1));
  Step(scheduler);
  scheduler.Add(MakeRequest(Range(0, 37), 1));
  const BatchPlan plan = scheduler.Schedule();
  REQUIRE(plan.copies.size() == 1);
  CHECK(plan.copies[0].copy.num_tokens == 4);  // 36 of 37: the last token's logits are wanted
  CHECK(Summary(plan) == Plan{{1, 36, 1, 1}});
  Complete(scheduler, plan);
  const Usage usage = scheduler.TakeFinished().at(1)->finish->usage;
  CHECK(std::pair(usage.cached_tokens, usage.cache_write_tokens) == std::pair(36, 1));
  CHECK(scheduler.counts().hit_tokens == 36);
  CHECK(scheduler.counts().query_tokens == 77);
}

TEST_CASE("who needs what a running sequence is computing waits for it, and others do not") {
  Scheduler scheduler(MakeOptions());
  for (int i = 0; i < 3; ++i) scheduler.Add(MakeRequest(Range(0, 100)));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  scheduler.Add(MakeRequest(Range(1000, 8)));
  CHECK(Step(scheduler) == Plan{{3, 0, 8, 1}, {0, 64, 36, 1}});
  const BatchPlan plan = scheduler.Schedule();
  CHECK(Summary(plan) == Plan{{0, 100, 1, 1}, {3, 8, 1, 1}, {1, 96, 4, 1}, {2, 96, 4, 1}});
  const auto first = plan.items[0].sequence->table.blocks();
  for (const PlanItem& item : plan.items) {
    if (item.sequence->arrival == 3) continue;
    for (int i = 0; i < 6; ++i) CHECK(item.sequence->table.blocks()[i] == first[i]);
  }
  Complete(scheduler, plan);
}

// The engine's way with `n` of one request.
TEST_CASE("requests with one prompt hold its blocks together: exact ids") {
  const auto blocks = [](const Sequence& s) {
    return std::vector<BlockId>(s.table.blocks().begin(), s.table.blocks().end());
  };
  Scheduler scheduler(MakeOptions(10));
  Sequence* s[3];
  for (Sequence*& sequence : s) sequence = &scheduler.Add(MakeRequest(Range(0, 40)));
  CHECK(Step(scheduler) == Plan{{0, 0, 40, 1}});
  // Full blocks are shared while their first holder lives; the last part of the prompt is computed again, since the
  // first writes on in its own block.
  CHECK(Step(scheduler) == Plan{{0, 40, 1, 1}, {1, 32, 8, 1}, {2, 32, 8, 1}});
  CHECK(blocks(*s[0]) == std::vector<BlockId>{0, 1, 2});
  CHECK(blocks(*s[1]) == std::vector<BlockId>{0, 1, 3});
  CHECK(blocks(*s[2]) == std::vector<BlockId>{0, 1, 4});
  scheduler.Finish(*s[0], FinishReason::kCancelled);
  CHECK(scheduler.pool().num_held() == 4);
  Sequence& late = scheduler.Add(MakeRequest(Range(0, 40)));
  const BatchPlan plan = scheduler.Schedule();
  CHECK(Summary(plan) == Plan{{1, 40, 1, 1}, {2, 40, 1, 1}, {3, 39, 1, 1}});
  CHECK(blocks(late) == std::vector<BlockId>{0, 1, 5});
  REQUIRE(plan.copies.size() == 1);
  const BlockCopy& copy = plan.copies[0].copy;
  CHECK(std::tuple(copy.from, copy.to, copy.num_tokens) == std::tuple(2, 5, 7));
  Complete(scheduler, plan);
}

TEST_CASE("waiting for another's blocks ends with the other") {
  Scheduler scheduler(MakeOptions());
  Sequence& first = scheduler.Add(MakeRequest(Range(0, 300)));
  scheduler.Add(MakeRequest(Range(0, 200)));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  scheduler.Finish(first, FinishReason::kCancelled);
  CHECK(Step(scheduler) == Plan{{1, 64, 64, 0}});
}

TEST_CASE("a reader that goes away frees its blocks before the next step, in the middle of a prompt too") {
  Scheduler scheduler(MakeOptions());
  Request request = MakeRequest(Range(0, 1000));
  auto reader = std::make_unique<TokenReader>(request.stream);
  scheduler.Add(std::move(request));
  Request waiting = MakeRequest(Range(0, 1000));
  auto waiting_reader = std::make_unique<TokenReader>(waiting.stream);
  scheduler.Add(std::move(waiting));
  Step(scheduler);
  CHECK(scheduler.pool().num_held() == 4);
  reader.reset();
  waiting_reader.reset();
  scheduler.FinishCancelled();
  CHECK(scheduler.idle());
  CHECK(scheduler.pool().num_held() == 0);
  CHECK(scheduler.TakeFinished().size() == 2);
}

TEST_CASE("prompt log-probabilities: small chunks, every row, no use of the cache") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 100), 1));
  while (!scheduler.idle()) Step(scheduler);
  SchedulerOptions options = MakeOptions();
  Request request = MakeRequest(Range(0, 100), 1);
  request.prompt_logprobs = true;
  scheduler.Add(std::move(request));
  request = MakeRequest(Range(0, 90), 1);
  request.prompt_logprobs = true;
  scheduler.Add(std::move(request));
  CHECK(Step(scheduler) == Plan{{1, 0, 64, 64}});
  CHECK(Step(scheduler) == Plan{{1, 64, 36, 36}, {2, 0, 28, 28}});
  CHECK(Step(scheduler) == Plan{{2, 28, 62, 62}});
  CHECK(scheduler.idle());
}

TEST_CASE("no new tokens: the prompt is computed, nothing is drawn") {
  Scheduler scheduler(MakeOptions());
  scheduler.Add(MakeRequest(Range(0, 70), 0));
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
  CHECK(Step(scheduler) == Plan{{0, 64, 6, 0}});
  CHECK(scheduler.idle());
  CHECK(scheduler.TakeFinished().at(0)->finish->reason == FinishReason::kLength);
}

TEST_CASE("end ids end, but not before min_new_tokens and not when ignored") {
  Scheduler scheduler(MakeOptions());
  for (const auto& [min_new_tokens, ignore] : std::vector<std::pair<int, bool>>{{0, false}, {2, false}, {0, true}}) {
    Request request = MakeRequest(Range(0, 4), 5);
    request.stop.end_ids = {9, 7};
    request.stop.min_new_tokens = min_new_tokens;
    request.stop.ignore_eos = ignore;
    scheduler.Add(std::move(request));
  }
  while (!scheduler.idle()) Step(scheduler, 7);
  std::vector<std::pair<int, FinishReason>> ends(3);
  for (const auto& s : scheduler.TakeFinished()) ends[s->arrival] = {s->num_output(), s->finish->reason};
  CHECK(ends[0] == std::pair(1, FinishReason::kStop));
  CHECK(ends[1] == std::pair(3, FinishReason::kStop));
  CHECK(ends[2] == std::pair(5, FinishReason::kLength));
}

}  // namespace
}  // namespace puna::engine
