// Guesses in the scheduler's plans.
#include <doctest/doctest.h>

#include <vector>

#include "tests/support/plans.h"

namespace puna::engine {
namespace {

// Proposes the same ids for ever, as the client's prediction or as its own guess.
class Stubborn : public Proposer {
 public:
  explicit Stubborn(Ids ids, bool predicted = true) : ids_(std::move(ids)), predicted_(predicted) {}
  Guess Propose(std::span<const TokenId>, std::span<const TokenId>, int max_tokens) override {
    return {Ids(ids_.begin(), ids_.begin() + std::min<int>(max_tokens, static_cast<int>(ids_.size()))),
            predicted_ ? GuessSource::kPrediction : GuessSource::kLookup};
  }
  void Observe(int, int) override {}

 private:
  Ids ids_;
  bool predicted_;
};

GuessCount Predicted(const Sequence& s) { return s.usage.guesses[static_cast<size_t>(GuessSource::kPrediction)]; }

TEST_CASE("guesses fill a step that only decodes, up to the rows there are, and true ones count at once") {
  SchedulerOptions options = MakeOptions();
  options.make_proposer = [](const Request&) { return std::make_unique<Stubborn>(Ids{7, 7, 8, 7}); };
  Scheduler scheduler(options);
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 30), 50));
  CHECK(Step(scheduler) == Plan{{0, 0, 30, 1}});  // no guesses beside a prompt
  CHECK(Step(scheduler) == Plan{{0, 30, 5, 5}});  // 7, 7 come true; 7 instead of 8
  CHECK(s.num_output() == 4);
  CHECK(s.num_computed == 33);
  CHECK(Predicted(s).accepted == 2);
  CHECK(Predicted(s).proposed == 4);
  CHECK(Step(scheduler) == Plan{{0, 33, 5, 5}});
  scheduler.Add(MakeRequest(Range(500, 70), 50));
  CHECK(Step(scheduler) == Plan{{0, 36, 1, 1}, {1, 0, 63, 0}});
}

TEST_CASE("usage tells of what the client predicted, and of no guess of ours") {
  SchedulerOptions options = MakeOptions();
  options.make_proposer = [](const Request&) { return std::make_unique<Stubborn>(Ids{7, 7, 8, 7}, false); };
  Scheduler scheduler(options);
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 30), 50));
  Step(scheduler);
  CHECK(Step(scheduler) == Plan{{0, 30, 5, 5}});
  CHECK(s.num_output() == 4);  // two guesses came true
  CHECK(Predicted(s).accepted == 0);
  CHECK(Predicted(s).proposed == 0);
}

TEST_CASE("behind a wrong guess nothing counts as guessed, not even what comes next by force") {
  SchedulerOptions options = MakeOptions();
  options.make_proposer = [](const Request&) { return std::make_unique<Stubborn>(Ids{7, 8}); };
  Scheduler scheduler(options);
  Sequence& s = scheduler.Add(MakeRequest(Range(0, 30), 50));
  Step(scheduler);
  const BatchPlan plan = scheduler.Schedule();
  CHECK(Summary(plan) == Plan{{0, 30, 3, 3}});
  scheduler.MarkComputed(plan.items[0]);
  CHECK_FALSE(scheduler.Append(s, 9));
  CHECK_FALSE(scheduler.Append(s, 7));  // what was computed for a 7 was computed one position before
  CHECK(s.num_computed == 31);
  scheduler.EndStep(plan);
  CHECK(Predicted(s).proposed == 2);
  CHECK(Step(scheduler) == Plan{{0, 31, 2, 1}});
}

TEST_CASE("guesses never reach beyond max_new_tokens, the context or the free blocks") {
  SchedulerOptions options = MakeOptions(3);
  options.make_proposer = [](const Request&) { return std::make_unique<Stubborn>(Ids(20, 7)); };
  Scheduler scheduler(options);
  scheduler.Add(MakeRequest(Range(0, 30), 4));
  Step(scheduler);
  CHECK(Step(scheduler) == Plan{{0, 30, 3, 3}});
  CHECK(scheduler.idle());
  scheduler.Add(MakeRequest(Range(100, 30), 18));
  Step(scheduler);
  CHECK(Step(scheduler) == Plan{{1, 30, 17, 17}});
  CHECK(scheduler.idle());
  CHECK(scheduler.TakeFinished().at(1)->num_tokens() == 48);
}

TEST_CASE("beside decoding sequences the pacer sizes the chunk") {
  SchedulerOptions options = MakeOptions();
  options.max_num_batched_tokens = 512;
  options.max_model_len = 1600;
  options.step_target_seconds = 0.1;
  Scheduler scheduler(options);
  scheduler.Add(MakeRequest(Range(0, 10)));
  const auto run = [&scheduler] {  // 20 ms a step and 1 ms a prompt token
    const BatchPlan plan = scheduler.Schedule();
    Complete(scheduler, plan);
    scheduler.ObserveStep(plan, 0.02 + 0.001 * plan.num_prompt_tokens);
    return plan.num_prompt_tokens;
  };
  for (int i = 0; i < 20; ++i) run();
  scheduler.Add(MakeRequest(Range(2000, 1200)));
  int chunk = 0;
  for (int i = 0; i < 6; ++i) chunk = run();
  CHECK(chunk == 80);
}

}  // namespace
}  // namespace puna::engine
