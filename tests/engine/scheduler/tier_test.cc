// The scheduler and a tier below the pool, step by step.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/scheduler/scheduler.h"
#include "tests/support/fake_tier.h"
#include "tests/support/plans.h"

namespace puna::engine {
namespace {

SchedulerOptions WithTier(FakeTier& tier, int num_blocks = 100) {
  SchedulerOptions options = MakeOptions(num_blocks);
  options.tier = &tier;
  options.tier_policy = {.long_prompt = 320, .worth_keeping = 64, .worth_loading = 64, .max_loads = 2};
  options.hash_key = HashKey{1, 2};
  return options;
}

// Everything that is worth it goes to the tier; returns how many blocks.
int TakeAll(Scheduler& scheduler, FakeTier& tier) {
  int count = 0;
  while (const auto kept = scheduler.TakeKept()) {
    tier.has.insert(kept->name.hash);
    ++count;
  }
  return count;
}

// A tier that has these ids, as an earlier process left it.
void Fill(FakeTier& tier, const Ids& ids) {
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(ids, 1));
  while (!scheduler.idle()) Step(scheduler);
  TakeAll(scheduler, tier);
}

TEST_CASE("a prompt that the tier has is loaded, held meanwhile, and found like any other") {
  FakeTier tier;
  Fill(tier, Range(0, 200));
  CHECK(tier.has.size() == 12);
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 200), 1));
  CHECK(Step(scheduler).empty());
  CHECK_FALSE(scheduler.idle());
  REQUIRE(tier.loads.size() == 1);
  CHECK(tier.loads[0]->names().size() == 12);
  CHECK(scheduler.pool().num_held() == 12);
  CHECK(Step(scheduler).empty());
  CHECK(scheduler.FindFault() == "");
  tier.Finish(12);
  CHECK(Step(scheduler) == Plan{{0, 192, 8, 1}});
  const auto finished = scheduler.TakeFinished();
  REQUIRE(finished.size() == 1);
  CHECK(finished[0]->finish->usage.cached_tokens == 192);
  CHECK(finished[0]->finish->usage.disk_tokens == 192);
  CHECK(scheduler.counts().tier_tokens == 192);
  CHECK(scheduler.pool().num_held() == 0);
  CHECK(TakeAll(scheduler, tier) == 0);  // it has them
}

TEST_CASE("others go on while blocks come, and what does not come is computed") {
  FakeTier tier;
  Fill(tier, Range(0, 200));
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 200), 1));
  scheduler.Add(MakeRequest(Range(5000, 20), 3));
  CHECK(Step(scheduler) == Plan{{1, 0, 20, 1}});
  CHECK(Step(scheduler) == Plan{{1, 20, 1, 1}});
  tier.Finish(5);
  CHECK(Step(scheduler) == Plan{{1, 21, 1, 1}, {0, 80, 63, 0}});
  CHECK(scheduler.pool().num_held() == 9);
  CHECK(Step(scheduler) == Plan{{0, 143, 57, 1}});
  for (const auto& s : scheduler.TakeFinished()) {
    if (s->arrival == 0) CHECK(s->finish->usage.disk_tokens == 80);
  }
}

TEST_CASE("what memory has is held while the tier brings the rest") {
  FakeTier tier;
  Fill(tier, Range(0, 200));
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 50), 1));
  Step(scheduler);
  scheduler.Add(MakeRequest(Range(0, 200), 1));
  CHECK(Step(scheduler).empty());
  REQUIRE(tier.loads.size() == 1);
  CHECK(tier.loads[0]->names().size() == 9);
  CHECK(scheduler.pool().num_held() == 12);
  tier.Finish(9);
  CHECK(Step(scheduler) == Plan{{1, 192, 8, 1}});
}

TEST_CASE("two who want the same wait for one load; more than two loads at a time there are not") {
  FakeTier tier;
  for (const int text : {0, 1000, 2000}) Fill(tier, Range(text, 100));
  Scheduler scheduler(WithTier(tier));
  for (const int text : {0, 0, 1000, 2000}) scheduler.Add(MakeRequest(Range(text, 100), 1));
  CHECK(Step(scheduler).empty());
  CHECK(tier.loads.size() == 2);
  tier.Finish(6);
  const Plan plan = Step(scheduler);
  CHECK(plan == Plan{{0, 96, 4, 1}, {1, 96, 4, 1}});
  CHECK(tier.loads.size() == 2);
  tier.Finish(6);
  tier.Finish(0);  // the last is computed
  CHECK(Step(scheduler) == Plan{{2, 96, 4, 1}, {3, 0, 60, 0}});
}

TEST_CASE("while the tier opens, prompts that may gain wait and short ones do not") {
  FakeTier tier;
  tier.is_opening = true;
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 200), 1));
  scheduler.Add(MakeRequest(Range(3000, 30), 1));
  CHECK(Step(scheduler) == Plan{{1, 0, 30, 1}});
  CHECK(Step(scheduler).empty());
  tier.is_opening = false;
  CHECK(Step(scheduler) == Plan{{0, 0, 64, 0}});
}

TEST_CASE("a few blocks are computed sooner than loaded, and log-probabilities of the prompt are never loaded") {
  FakeTier tier;
  Fill(tier, Range(0, 200));
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 60), 1));
  CHECK(Step(scheduler) == Plan{{0, 0, 60, 1}});
  Request request = MakeRequest(Range(0, 200), 1);
  request.prompt_logprobs = true;
  scheduler.Add(std::move(request));
  CHECK(Step(scheduler) == Plan{{1, 0, 64, 64}});
  CHECK(tier.loads.empty());
}

TEST_CASE("who leaves while his blocks come gives them back, and what came stays cached") {
  FakeTier tier;
  Fill(tier, Range(0, 200));
  Scheduler scheduler(WithTier(tier));
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 200), 1));
  Step(scheduler);
  tier.loads[0]->Fill([](BlockId) {});
  scheduler.Finish(s, FinishReason::kCancelled);
  CHECK(tier.loads[0]->cancelled());
  CHECK(scheduler.pool().num_held() == 0);
  CHECK(scheduler.pool().num_cached() == 1);
  CHECK(scheduler.FindFault() == "");
  CHECK(scheduler.idle());
}

TEST_CASE("when blocks are needed, a load is given up before anybody is preempted") {
  FakeTier tier;
  Fill(tier, Range(1000, 160));
  Scheduler scheduler(WithTier(tier, 16));
  scheduler.Add(MakeRequest(Range(0, 60), 90));
  Step(scheduler);
  scheduler.Add(MakeRequest(Range(1000, 160), 1));
  CHECK(Step(scheduler) == Plan{{0, 60, 1, 1}});
  REQUIRE(tier.loads.size() == 1);
  while (!scheduler.idle()) {
    Step(scheduler);
    if (scheduler.num_running() == 0) break;
  }
  CHECK(tier.loads[0]->cancelled());
  CHECK(scheduler.counts().preemptions == 0);
  while (!scheduler.idle()) Step(scheduler);
  CHECK(scheduler.TakeFinished().size() == 2);
}

TEST_CASE("what goes to the tier: long prompts as they come, the ends of long texts, what is found again") {
  FakeTier tier;
  Scheduler scheduler(WithTier(tier));
  scheduler.Add(MakeRequest(Range(0, 400), 2));
  Step(scheduler);
  CHECK(TakeAll(scheduler, tier) == 4);  // at once: a crash shall not lose it
  while (!scheduler.idle()) Step(scheduler);
  CHECK(TakeAll(scheduler, tier) == 21);
  scheduler.Add(MakeRequest(Range(5000, 63), 1));  // once, and short
  while (!scheduler.idle()) Step(scheduler);
  CHECK(TakeAll(scheduler, tier) == 0);
  scheduler.Add(MakeRequest(Range(6000, 100), 13));  // a conversation
  while (!scheduler.idle()) Step(scheduler);
  CHECK(TakeAll(scheduler, tier) == 7);
  Ids shared = Range(7000, 64);  // the beginning of short ones
  for (const int own : {8000, 9000}) {
    Ids ids = shared;
    const Ids rest = Range(own, 3);
    ids.insert(ids.end(), rest.begin(), rest.begin() + 3);
    scheduler.Add(MakeRequest(std::move(ids), 1));
    while (!scheduler.idle()) Step(scheduler);
    CHECK(TakeAll(scheduler, tier) == 4);  // as an end; and found again it is there already
    tier.has.clear();
  }
}

TEST_CASE("a salt divides the pool and the tier") {
  FakeTier tier;
  Scheduler scheduler(WithTier(tier));
  const auto cached = [&](const std::string& salt) {
    Request request = MakeRequest(Range(0, 200), 1);
    request.cache_salt = salt;
    scheduler.Add(std::move(request));
    while (!scheduler.idle()) {
      Step(scheduler);
      if (!tier.loads.empty()) tier.Finish(100);
    }
    TakeAll(scheduler, tier);
    return scheduler.TakeFinished().at(0)->finish->usage.cached_tokens;
  };
  for (const char* salt : {"", "a", "b", "ab"}) {
    CHECK(cached(salt) == 0);
    CHECK(cached(salt) == 199);
  }
  CHECK(tier.has.size() == 4 * 12);
  scheduler.Add(MakeRequest(Range(900, 1600 - 1), 1));  // everything else leaves the pool
  while (!scheduler.idle()) Step(scheduler);
  scheduler.TakeFinished();
  CHECK(cached("b") == 192);
  CHECK(cached("c") == 0);
}

TEST_CASE("an aborted prompt is kept as far as it was computed, and a block that was given away is lost") {
  FakeTier tier;
  Scheduler scheduler(WithTier(tier, 24));
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 300), 2));
  Step(scheduler);
  Step(scheduler);
  CHECK_FALSE(scheduler.has_kept());
  scheduler.Finish(s, FinishReason::kCancelled);
  CHECK(scheduler.has_kept());
  scheduler.Add(MakeRequest(Range(2000, 300), 1));  // takes some of their blocks
  while (!scheduler.idle()) Step(scheduler);
  const int kept = TakeAll(scheduler, tier);
  CHECK(scheduler.counts().lost_blocks > 0);
  CHECK(kept + static_cast<int>(scheduler.counts().lost_blocks) ==
        24);  // the line is as long as the pool, and 8 + 18 came
}

}  // namespace
}  // namespace puna::engine
