// Guesses in a step: who proposes what, how much of it is computed, and what came of it.
#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {
namespace {

constexpr double kMostBelieved = 1.5, kMostPaid = 4;  // plain steps, of a draft model that may have been held up

}  // namespace

// One sequence's guesses in the making: those in its draft, and behind them links for what a draft model would make.
struct Scheduler::GuessPlan {
  PlanItem* item = nullptr;
  int max_ids = 0;
  int num_made = 0;
  int num_chosen = 0;
};

// A step that only decodes is bound by reading the weights: some rows more cost little. Beside a prompt each guess
// costs as much as a prompt token. How much is worth it says the GuessBudget.
void Scheduler::PlanGuesses(BatchPlan& plan) {
  if ((!options_.make_proposer && options_.drafter == nullptr) || plan.num_decode_tokens == 0) return;
  GuessBudget::Step step{plan.num_decode_tokens, plan.num_prompt_tokens, 0};
  const int rows = std::min(kMaxDraftRows, options_.max_num_batched_tokens);
  step.max_rows = std::min(rows - plan.num_decode_tokens, NumRowsLeft(plan));
  const bool pays_beside_prompt =
      options_.measured_guesses && pacer_.StepSeconds(step.num_prompt, step.num_decode, 0) > 0;
  if (step.max_rows <= 0 || (step.num_prompt > 0 && !pays_beside_prompt)) return;
  if (options_.drafter != nullptr && options_.measured_guesses)
    options_.drafter->LimitReading(credit_.NumReadable() / plan.num_decode_tokens);

  const int share = (rows - plan.num_decode_tokens) / plan.num_decode_tokens;
  std::vector<GuessPlan> guesses;
  for (PlanItem& item : plan.items) {
    if (item.num_tokens != 1 || item.num_logits != 1 || item.sequence->wants_prompt_rows()) continue;
    GuessPlan guess{&item, RoomForGuesses(*item.sequence, share)};
    if (guess.max_ids <= 0) continue;
    LookUp(guess);
    OfferDraft(guess);
    guesses.push_back(guess);
  }
  ChooseGuesses(guesses, step);
  MakeDrafts(plan, guesses);
  for (const GuessPlan& guess : guesses) {
    const int num_draft = static_cast<int>(guess.item->sequence->draft.size());
    guess.item->num_tokens += num_draft;
    guess.item->num_draft = num_draft;
    guess.item->num_logits += num_draft;
    plan.num_decode_tokens += num_draft;
  }
}

int Scheduler::RoomForGuesses(const Sequence& s, int share) const {
  const int room = s.table.num_positions() + pool_.num_free() * kBlockSize - s.num_tokens();
  return std::min({share, room, s.request.guessing.max_ids, s.request.stop.max_new_tokens - s.num_output() - 1,
                   options_.max_model_len - s.num_tokens() - 1});
}

// What costs nothing to guess: the text that the grammar forces, behind it what was written like this before, and what the
// grammar forces behind that.
void Scheduler::LookUp(GuessPlan& guess) {
  Sequence& s = *guess.item->sequence;
  TokenConstraint* constraint = s.request.constraint.get();
  const auto room = [&] { return guess.max_ids - static_cast<int>(s.draft.size()); };
  const auto add = [&s](const Guess& more) {
    for (int i = 0; i < std::ssize(more.ids); ++i) s.links.push_back({more.source, i, more.agreement});
    s.draft.insert(s.draft.end(), more.ids.begin(), more.ids.end());
  };
  const bool forces = constraint != nullptr && s.request.guessing.Allows(GuessSource::kGrammar);
  if (forces) add({constraint->GuessForced({}, room()), GuessSource::kGrammar});
  if (options_.make_proposer) {
    if (!s.proposer) s.proposer = options_.make_proposer(s.request);
    Guess found = s.proposer->Propose(s.tokens, s.draft, room());
    PUNA_CHECK(std::ssize(found.ids) <= room()) << found.ids.size();
    s.first_looked_up = static_cast<int>(s.draft.size());
    s.num_looked_up = static_cast<int>(found.ids.size());
    add(found);
  }
  if (constraint != nullptr && !s.draft.empty()) CutDraft(s, constraint->CountAccepted(s.draft));
  if (forces && s.num_looked_up > 0) add({constraint->GuessForced(s.draft, room()), GuessSource::kGrammar});
  guess.num_made = static_cast<int>(s.draft.size());
}

void Scheduler::CutDraft(Sequence& s, int size) {
  s.draft.resize(size);
  s.links.resize(size);
  s.num_looked_up = std::clamp(size - s.first_looked_up, 0, s.num_looked_up);
}

// Links for what the draft model could guess: behind what was looked up, or in its place where that is less promising.
void Scheduler::OfferDraft(GuessPlan& guess) {
  Sequence& s = *guess.item->sequence;
  Drafter* drafter = options_.drafter;
  if (drafter == nullptr || !s.request.guessing.Allows(GuessSource::kDraft)) return;
  // A pass that was held up is believed only so far, or none would be made again.
  const double pass = std::min(budget_.draft_pass_seconds(), kMostBelieved * pacer_.StepSeconds(0, 1, 0));
  if (options_.measured_guesses && !credit_.Affords(pass)) return;
  if (!drafter->CanGuess(s)) return;
  std::vector<GuessLink> drafted;
  for (int place = 0; place < drafter->max_ids(); ++place) drafted.push_back({GuessSource::kDraft, place, 0});
  if (s.num_looked_up > 0) {
    const auto looked_up = std::span(s.links).subspan(s.first_looked_up);
    if (budget_.Expect(s.record, looked_up) < budget_.Expect(s.record, drafted)) CutDraft(s, s.first_looked_up);
  }
  guess.num_made = static_cast<int>(s.draft.size());
  drafted.resize(std::min<size_t>(drafted.size(), std::max(0, guess.max_ids - guess.num_made)));
  s.links.insert(s.links.end(), drafted.begin(), drafted.end());
}

// Leaves of each draft what is worth computing, with blocks for it.
void Scheduler::ChooseGuesses(std::span<GuessPlan> guesses, const GuessBudget::Step& step) {
  std::vector<GuessBudget::Chain> chains;
  for (const GuessPlan& guess : guesses) {
    Sequence& s = *guess.item->sequence;
    chains.push_back({&s.record, s.links, guess.num_made, 0});
  }
  budget_.Choose(chains, step, options_.measured_guesses ? &pacer_ : nullptr);
  for (size_t i = 0; i < guesses.size(); ++i) {
    Sequence& s = *guesses[i].item->sequence;
    guesses[i].num_chosen = std::min(chains[i].num_chosen, RoomForGuesses(s, chains[i].num_chosen));
    CutDraft(s, std::min(guesses[i].num_made, guesses[i].num_chosen));
    const bool has_room = s.table.Grow(s.num_tokens() + guesses[i].num_chosen);
    PUNA_CHECK(has_room);
  }
}

void Scheduler::MakeDrafts(BatchPlan& plan, std::span<const GuessPlan> guesses) {
  std::vector<DraftAsk> asks;
  for (const GuessPlan& guess : guesses) {
    Sequence& s = *guess.item->sequence;
    if (guess.num_chosen > guess.num_made) asks.push_back({&s, s.draft, guess.num_chosen - guess.num_made, {}});
  }
  if (asks.empty()) return;
  options_.drafter->Propose(asks);
  for (DraftAsk& ask : asks) {
    Sequence& s = *ask.sequence;
    PUNA_CHECK(std::ssize(ask.guesses) <= ask.max_ids) << ask.guesses.size();
    for (int place = 0; place < std::ssize(ask.guesses); ++place) s.links.push_back({GuessSource::kDraft, place, 0});
    s.draft.insert(s.draft.end(), ask.guesses.begin(), ask.guesses.end());
    if (s.request.constraint) CutDraft(s, s.request.constraint->CountAccepted(s.draft));
  }
  const DraftCost cost = options_.drafter->TakeCost();
  counts_.draft_seconds += plan.draft_seconds = cost.seconds;
  if (!options_.measured_guesses) return;
  budget_.ObserveDraft(cost.num_passes, cost.one_pass, cost.pass_seconds);
  credit_.ObserveRead(cost.num_read, cost.read_seconds);
}

// What came of the item's guesses: for its usage, for the counters, and for whoever guesses next.
void Scheduler::LearnFromGuesses(const PlanItem& item) {
  Sequence& s = *item.sequence;
  const std::span<const GuessLink> links = std::span(s.links).first(item.num_draft);
  for (int i = 0; i < item.num_draft; ++i) {
    const auto source = static_cast<size_t>(links[i].source);
    GuessTally& tally = counts_.guesses[source];
    tally.drafts += links[i].place == 0;
    ++tally.proposed;
    ++s.usage.guesses[source].proposed;
    if (i >= s.num_accepted) continue;
    ++tally.accepted;
    ++tally.accepted_at[std::min<size_t>(links[i].place, tally.accepted_at.size() - 1)];
    ++s.usage.guesses[source].accepted;
  }
  num_true_ += s.num_accepted;
  budget_.Observe(s.record, links, s.num_accepted);
  if (s.num_looked_up > 0 && s.num_accepted >= s.first_looked_up)
    s.proposer->Observe(s.num_looked_up, std::min(s.num_accepted - s.first_looked_up, s.num_looked_up));
}

// By the averages of what steps take, not by this one alone, which somebody else may have held up.
void Scheduler::PayForGuesses(const BatchPlan& plan) {
  int num_guesses = 0;
  for (const PlanItem& item : plan.items) num_guesses += item.num_draft;
  const int came_true = std::exchange(num_true_, 0), num_plain = plan.num_decode_tokens - num_guesses;
  if (num_plain <= 0) return;
  const double plain = pacer_.StepSeconds(plan.num_prompt_tokens, num_plain, 0);
  const double guessed = pacer_.StepSeconds(plan.num_prompt_tokens, num_plain, num_guesses);
  const double token = pacer_.StepSeconds(0, num_plain, 0) / num_plain;
  credit_.Settle(plain, std::max(0.0, guessed - plain) + std::min(plan.draft_seconds, kMostPaid * plain),
                 came_true * token);
}

void Scheduler::ForgetGuesses(Sequence& s) {
  s.draft.clear();
  s.links.clear();
  s.num_accepted = s.first_looked_up = s.num_looked_up = 0;
}

}  // namespace puna::engine
