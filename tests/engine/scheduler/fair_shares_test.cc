// Who waits for whom, in rows: a client with many or long requests cannot starve another.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "engine/scheduler/scheduler.h"
#include "tests/support/plans.h"

namespace puna::engine {
namespace {

constexpr uint64_t kMany = 1, kShort = 2;  // tenants

Request Of(uint64_t tenant, Ids prompt, int max_new_tokens = 100, int priority = 0) {
  Request request = MakeRequest(std::move(prompt), max_new_tokens);
  request.tenant = tenant;
  request.priority = priority;
  return request;
}

int RowsOf(const BatchPlan& plan, uint64_t tenant) {
  int rows = 0;
  for (const PlanItem& item : plan.items) rows += item.sequence->request.tenant == tenant ? item.num_tokens : 0;
  return rows;
}

bool HasEnded(Scheduler& scheduler, uint64_t arrival) {
  const auto finished = scheduler.TakeFinished();
  return std::any_of(finished.begin(), finished.end(), [=](const auto& s) { return s->arrival == arrival; });
}

// Steps until it has its only token.
int StepsOf(Scheduler& scheduler, const Sequence& sequence) {
  const uint64_t arrival = sequence.arrival;
  for (int steps = 1; steps < 10000; ++steps) {
    Complete(scheduler, scheduler.Schedule());
    if (HasEnded(scheduler, arrival)) return steps;
  }
  FAIL("it starves");
  return 0;
}

TEST_CASE(
    "60 long prompts of one client: a short one of another takes at most twice its steps alone, and those equal rows") {
  for (const int length : {1, 20, 64, 65, 150, 400}) {
    CAPTURE(length);
    SchedulerOptions options = MakeOptions(400);
    Scheduler alone(options);
    const int steps_alone = StepsOf(alone, alone.Add(Of(kShort, Range(50000, length), 1)));
    Scheduler scheduler(options);
    for (int i = 0; i < 60; ++i) scheduler.Add(Of(kMany, Range(1000 * i, 900)));
    for (int i = 0; i < 50; ++i) Step(scheduler);
    REQUIRE(scheduler.num_running() > 1);
    // The step under way when it comes is the one chunk more that it may wait.
    CHECK(StepsOf(scheduler, scheduler.Add(Of(kShort, Range(50000, length), 1))) <= 2 * steps_alone);
  }
}

TEST_CASE("one tenant alone, or with nobody who wants anything, has every row; two have half each") {
  Scheduler scheduler(MakeOptions(400));
  scheduler.Add(Of(kMany, Range(0, 2000)));
  BatchPlan plan = scheduler.Schedule();
  CHECK(RowsOf(plan, kMany) == 64);
  Complete(scheduler, plan);
  scheduler.Add(Of(kShort, Range(5000, 100)));
  for (const int expected : {32, 32, 32}) {
    plan = scheduler.Schedule();
    CHECK(RowsOf(plan, kShort) == expected);
    CHECK(RowsOf(plan, kMany) == 64 - expected);
    Complete(scheduler, plan);
  }
  plan = scheduler.Schedule();
  CHECK(RowsOf(plan, kShort) == 4);  // what is left of it; the rest is not wasted
  CHECK(RowsOf(plan, kMany) == 60);
}

TEST_CASE("rows go by weight") {
  Scheduler scheduler(MakeOptions(400));
  Request heavy = Of(kMany, Range(0, 2000));
  heavy.tenant_weight = 3;
  scheduler.Add(std::move(heavy));
  scheduler.Add(Of(kShort, Range(5000, 2000)));
  const BatchPlan plan = scheduler.Schedule();
  CHECK(RowsOf(plan, kMany) == 48);
  CHECK(RowsOf(plan, kShort) == 16);
}

TEST_CASE(
    "with more tenants than a step has crumbs, those who have had least come first, and all the same number of rows") {
  SchedulerOptions options = MakeOptions(400);
  options.max_num_seqs = options.max_num_batched_tokens = 16;
  Scheduler scheduler(options);
  constexpr int kTenants = 12;
  for (int i = 0; i < kTenants; ++i) scheduler.Add(Of(100 + i, Range(1000 * i, 200)));
  std::vector<int> rows(kTenants);
  for (int step = 0; step < 60; ++step) {
    const BatchPlan plan = scheduler.Schedule();
    for (int i = 0; i < kTenants; ++i) rows[i] += RowsOf(plan, 100 + i);
    CHECK(plan.num_tokens() == 16);
    Complete(scheduler, plan);
  }
  const auto [least, most] = std::minmax_element(rows.begin(), rows.end());
  CHECK(*most - *least <= 16);
}

TEST_CASE("a share that its owner cannot use is not lost: all places are taken") {
  SchedulerOptions options = MakeOptions(400);
  options.max_num_seqs = 1;
  Scheduler scheduler(options);
  scheduler.Add(Of(kMany, Range(0, 1000)));
  Step(scheduler);
  scheduler.Add(Of(kShort, Range(5000, 1000)));  // would be more than its part: there is one place for two
  const BatchPlan plan = scheduler.Schedule();
  CHECK(plan.num_tokens() == 64);
  Complete(scheduler, plan);
}

TEST_CASE("streams of one client in all places make way for another, and are finished later") {
  Scheduler scheduler(MakeOptions(400));
  std::vector<uint64_t> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(scheduler.Add(Of(kMany, Range(1000 * i, 30), 300)).arrival);
  for (int i = 0; i < 10; ++i) Step(scheduler);
  REQUIRE(scheduler.num_running() == 4);
  const Sequence& other = scheduler.Add(Of(kShort, Range(9000, 20), 1));
  const uint64_t arrival = other.arrival;
  Step(scheduler);
  CHECK(scheduler.counts().preemptions == 1);
  CHECK(HasEnded(scheduler, arrival));
  for (int i = 0; i < 2000 && !scheduler.idle(); ++i) Step(scheduler);
  REQUIRE(scheduler.idle());
  for (const auto& s : scheduler.TakeFinished()) CHECK(s->num_output() == 300);
}

TEST_CASE("nobody makes way beyond his part, nor again before he has moved on") {
  Scheduler scheduler(MakeOptions(400));  // 4 places
  for (int i = 0; i < 4; ++i) scheduler.Add(Of(kMany, Range(1000 * i, 30), 1000));
  for (int i = 0; i < 10; ++i) Step(scheduler);
  for (int i = 0; i < 4; ++i) scheduler.Add(Of(kShort, Range(20000 + 1000 * i, 30), 1000));
  for (int i = 0; i < 200; ++i) Step(scheduler);
  CHECK(scheduler.counts().preemptions == 2);
  int of_many = 0;
  scheduler.ForEach([&](const Sequence& s) { of_many += s.is_running && s.request.tenant == kMany; });
  CHECK(of_many == 2);
}

TEST_CASE("blocks: who holds more than his part gives them back to one who has less") {
  Scheduler scheduler(MakeOptions(40));  // 640 positions
  for (int i = 0; i < 3; ++i) scheduler.Add(Of(kMany, Range(1000 * i, 190), 100));
  for (int i = 0; i < 12; ++i) Step(scheduler);
  REQUIRE(scheduler.num_running() == 3);
  const uint64_t arrival = scheduler.Add(Of(kShort, Range(9000, 60), 1)).arrival;
  CHECK(scheduler.pool().num_free() < 8);
  Step(scheduler);
  CHECK(scheduler.counts().preemptions == 1);
  CHECK(HasEnded(scheduler, arrival));
}

TEST_CASE("one who needs more than his part is not overtaken for good") {
  Scheduler scheduler(MakeOptions(40));
  TokenId next = 0;
  const auto add = [&] { scheduler.Add(Of(kMany, Range(next += 1000, 100), 60)); };
  for (int i = 0; i < 6; ++i) add();
  for (int i = 0; i < 20; ++i) Step(scheduler);
  const uint64_t large = scheduler.Add(Of(kShort, Range(900000, 600), 1)).arrival;
  int steps = 0;
  for (; steps < 1500 && !HasEnded(scheduler, large); ++steps) {
    while (scheduler.num_waiting() < 6) add();
    Step(scheduler);
  }
  CHECK(steps < 1000);
}

TEST_CASE("priority: lower numbers come first within a tenant, running and waiting, and mean nothing to others") {
  Scheduler scheduler(MakeOptions(400));
  scheduler.Add(Of(kMany, Range(0, 1000), 10, 5));
  Step(scheduler);
  scheduler.Add(Of(kMany, Range(2000, 1000), 10, 5));
  const uint64_t urgent = scheduler.Add(Of(kMany, Range(4000, 1000), 10, -1)).arrival;
  CHECK(Step(scheduler) == Plan{{urgent, 0, 64, 0}});
  CHECK(Step(scheduler) == Plan{{urgent, 64, 64, 0}});
  const BatchPlan plan = [&] {
    scheduler.Add(Of(kShort, Range(8000, 1000), 10, 9));
    return scheduler.Schedule();
  }();
  CHECK(RowsOf(plan, kShort) == 32);
  Complete(scheduler, plan);
}

TEST_CASE("priority: an urgent request takes the place of a less urgent one of its own tenant") {
  Scheduler scheduler(MakeOptions(400));
  for (int i = 0; i < 4; ++i) scheduler.Add(Of(kMany, Range(1000 * i, 20), 500, i == 2 ? 8 : 4));
  for (int i = 0; i < 10; ++i) Step(scheduler);
  const uint64_t urgent = scheduler.Add(Of(kMany, Range(9000, 20), 1, 0)).arrival;
  Step(scheduler);
  CHECK(HasEnded(scheduler, urgent));
  bool gone = true;
  scheduler.ForEach([&](const Sequence& s) { gone = gone && !(s.is_running && s.request.priority == 8); });
  CHECK(gone);
}

TEST_CASE("a waiting sequence says what for") {
  SchedulerOptions options = MakeOptions(400);
  options.max_num_seqs = 2;
  Scheduler scheduler(options);
  scheduler.Add(Of(kMany, Range(0, 1000)));
  const Sequence& same = scheduler.Add(Of(kMany, Range(0, 900)));
  const Sequence& later = scheduler.Add(Of(kMany, Range(5000, 2000)));
  Step(scheduler);
  Step(scheduler);
  CHECK(same.waits == Waits::kPrefix);
  CHECK(same.waits_for == 0);
  CHECK(later.waits == Waits::kTurn);
}

}  // namespace
}  // namespace puna::engine
