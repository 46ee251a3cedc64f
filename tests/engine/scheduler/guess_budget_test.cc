#include "engine/scheduler/guess_budget.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <random>

#include "tests/support/plans.h"

namespace puna::engine {
namespace {

// A scheduler whose steps take what a model of costs says, and whose one sequence writes ids 0, 1, 2, ..
struct Machine {
  double row = 0.15;  // of a plain step, what a row more takes
  double draft = 0;   // a pass of the draft model
  double read = 0;    // what it takes to read an id of the text
  int prompt = 4;
  double acceptance = 0;
};

// Guesses the next ids of such a text, each right with a given chance.
class Oracle : public Proposer {
 public:
  Oracle(double acceptance, bool wild) : acceptance_(acceptance), wild_(wild) {}
  Guess Propose(std::span<const TokenId> tokens, std::span<const TokenId> behind, int max_tokens) override {
    Guess guess;
    guess.agreement = 30;
    auto next = static_cast<TokenId>(tokens.size() + behind.size());
    for (int i = 0; i < std::min(max_tokens, 15); ++i, ++next) {
      const bool right = std::uniform_real_distribution<>()(random_) < acceptance_;
      guess.ids.push_back(right ? next : wild_ ? 1 << 30 : next + 1);
    }
    return guess;
  }
  void Observe(int, int) override {}

 private:
  std::mt19937 random_{7};
  double acceptance_;
  bool wild_;
};

// Reads what it lacks of the text, or of what it lacks the last ids, before it guesses.
class OracleDrafter : public Drafter {
 public:
  explicit OracleDrafter(const Machine& machine)
      : oracle_(machine.acceptance, false), pass_(machine.draft), read_(machine.read) {}
  int max_ids() const override { return 8; }
  bool CanGuess(const Sequence&) const override { return true; }
  void Propose(std::span<DraftAsk> asks) override {
    for (DraftAsk& ask : asks) {
      const int lacks = static_cast<int>(ask.sequence->tokens.size()) - num_known_;
      cost_.num_read = lacks > max_ids() + 1 ? std::min({lacks, limit_, 256}) : 0;
      num_known_ += lacks;
      ask.guesses = oracle_.Propose(ask.sequence->tokens, ask.behind, ask.max_ids).ids;
      cost_.num_passes = std::max(cost_.num_passes, ask.max_ids);
    }
    cost_.pass_seconds = pass_ * cost_.num_passes;
    cost_.read_seconds = read_ * cost_.num_read;
    cost_.seconds = cost_.pass_seconds + cost_.read_seconds;
    total += cost_.seconds;
  }
  void LimitReading(int num_ids) override { limit_ = num_ids; }
  DraftCost TakeCost() override { return std::exchange(cost_, {}); }
  void CopyBlock(const BlockCopy&) override {}
  double total = 0;

 private:
  Oracle oracle_;
  double pass_, read_;
  int num_known_ = 0, limit_ = 0;
  DraftCost cost_;
};

struct Run {
  double seconds = 0;  // a plain step is one
  int most_rows = 0;
  double per_token = 0;
};

// Writes 256 ids, and what is said to come true does.
Run Write(const Machine& machine, bool wild = false) {
  SchedulerOptions options = MakeOptions();
  options.measured_guesses = true;
  options.make_proposer = [&](const Request&) { return std::make_unique<Oracle>(machine.acceptance, wild); };
  OracleDrafter drafter(machine);
  if (machine.draft > 0) {
    options.make_proposer = nullptr;
    options.drafter = &drafter;
  }
  Scheduler scheduler(options);
  Run run;
  const auto write = [&](int num_ids) {
    Sequence& s = scheduler.Add(MakeRequest(Range(0, machine.prompt), num_ids));
    run = {};
    const double drafted = drafter.total;
    while (!scheduler.idle()) {
      const BatchPlan plan = scheduler.Schedule();
      const double seconds = 1 + machine.row * (plan.num_tokens() - 1);
      if (plan.num_prompt_tokens == 0) run.seconds += seconds;
      run.most_rows = std::max(run.most_rows, plan.num_tokens());
      scheduler.MarkComputed(plan.items[0]);
      while (!s.ended() && scheduler.Append(s, static_cast<TokenId>(s.num_tokens()))) {
      }
      scheduler.EndStep(plan);
      scheduler.ObserveStep(plan, seconds);
      CHECK(scheduler.FindFault() == "");
    }
    run.seconds += drafter.total - drafted;
    run.per_token = run.seconds / (num_ids - 1);
  };
  write(257);
  return run;
}

TEST_CASE("guesses that never come true cost less than two in a hundred over 256 tokens, wherever they come from") {
  for (const double row : {0.05, 0.15, 0.3}) {
    for (const double draft : {0.0, 0.2, 0.4}) {
      CAPTURE(row);
      CAPTURE(draft);
      for (const bool wild : {false, true}) {
        const Run run = Write({.row = row, .draft = draft}, wild);
        CHECK(run.seconds <= 256 / 0.98);
        CHECK(run.most_rows <= 16);
      }
    }
  }
}

TEST_CASE("nor do those of a draft model that is as slow as the model, or has a long prompt to read") {
  for (const double draft : {0.2, 0.4, 1.0}) {
    for (const int prompt : {4, 40, 250}) {
      for (const double share : {0.05, 0.1, 0.2}) {  // of a pass, what it takes to read an id
        CAPTURE(draft);
        CAPTURE(prompt);
        CAPTURE(share);
        CHECK(Write({.draft = draft, .read = share * draft, .prompt = prompt}).seconds <= 256 / 0.98);
      }
    }
  }
}

TEST_CASE("the better the guesses and the cheaper the rows, the more is guessed") {
  double last = 1.02;
  for (const double acceptance : {0.3, 0.6, 0.8, 0.95}) {
    const Run run = Write({.row = 0.1, .acceptance = acceptance});
    CHECK(run.per_token < last);
    last = run.per_token;
  }
  CHECK(last < 0.35);
  // A row costs a step: nothing is to be gained.
  CHECK(Write({.row = 1.0, .acceptance = 0.9}).per_token <= 1 / 0.98);
  // A plain draft model of 0.41 of the model (1B beside 3B): worth its passes only where it is nearly always right.
  CHECK(Write({.row = 0.05, .draft = 0.41, .acceptance = 0.5}).per_token <= 1 / 0.98);
  CHECK(Write({.row = 0.05, .draft = 0.1, .acceptance = 0.9}).per_token < 0.55);
}

TEST_CASE("rows go to the sequences whose guesses come true") {
  GuessBudget budget;
  Pacer pacer(0);
  for (int rows = 1; rows <= 20; ++rows) {
    for (int i = 0; i < 4; ++i) pacer.Observe(0, rows, 1 + 0.15 * (rows - 1));
  }
  GuessBudget::Record good, bad;
  std::vector<GuessLink> links;
  for (int place = 0; place < 6; ++place) links.push_back({GuessSource::kLookup, place, 30});
  for (int i = 0; i < 8; ++i) {
    budget.Observe(good, links, 6);
    budget.Observe(bad, links, 0);
  }
  std::vector<GuessBudget::Chain> chains = {{&bad, links, 6, 0}, {&good, links, 6, 0}};
  budget.Choose(chains, {2, 0, 8}, &pacer);
  CHECK(chains[0].num_chosen == 0);
  CHECK(chains[1].num_chosen >= 4);
}

TEST_CASE("without measurements all is guessed; with them nothing before a plain step, and twice the rows at most") {
  GuessBudget budget;
  GuessBudget::Record record;
  std::vector<GuessLink> links;
  for (int place = 0; place < 6; ++place) links.push_back({GuessSource::kLookup, place, 30});
  Pacer pacer(0);
  const auto choose = [&](int max_rows, const Pacer* costs) {
    std::vector<GuessBudget::Chain> chains = {{&record, links, 6, 0}};
    budget.Choose(chains, {1, 0, max_rows}, costs);
    return chains[0].num_chosen;
  };
  CHECK(choose(10, nullptr) == 6);
  CHECK(choose(4, nullptr) == 4);
  CHECK(choose(10, &pacer) == 0);
  pacer.Observe(0, 7, 1.1);
  CHECK(choose(10, &pacer) == 0);
  pacer.Observe(0, 1, 1.0);
  CHECK(choose(10, &pacer) == 6);
  Pacer fresh(0);
  fresh.Observe(0, 1, 1.0);
  CHECK(choose(10, &fresh) == 1);
  fresh.Observe(0, 2, 1.02);
  CHECK(choose(10, &fresh) == 3);
}

}  // namespace
}  // namespace puna::engine
