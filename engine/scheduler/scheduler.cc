#include "engine/scheduler/scheduler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr int kAnyLength = std::numeric_limits<int>::max();
constexpr size_t kLookAhead = 64;  // waiting sequences looked at in one step: each look-up reads its whole prompt

bool IsPlanned(const BatchPlan& plan, const Sequence& sequence) {
  return std::any_of(plan.items.begin(), plan.items.end(),
                     [&sequence](const PlanItem& item) { return item.sequence == &sequence; });
}

// How much of its known tokens a sequence may find in the cache: not the last one, whose logits are wanted, and nothing
// whose log-probabilities or share of a mean are still to come.
int MaxReuse(const Sequence& sequence) {
  if (sequence.request.pooling == Pooling::kMean) return sequence.pooler->num_pooled();
  return sequence.wants_prompt_rows() ? sequence.num_prompt_rows : sequence.num_tokens() - 1;
}

int NumLogits(const Sequence& sequence, int first, int end) {
  if (sequence.wants_prompt_rows()) return std::max(0, end - std::max(first, sequence.num_prompt_rows));
  return end == sequence.num_tokens() && sequence.request.stop.max_new_tokens > 0 ? 1 : 0;
}

SchedulerOptions Checked(SchedulerOptions options) {
  PUNA_CHECK(options.num_blocks > 0 && options.max_num_seqs > 0) << options.num_blocks << ' ' << options.max_num_seqs;
  PUNA_CHECK(options.max_model_len > 0 && options.max_model_len <= options.num_blocks * kBlockSize)
      << options.max_model_len << " tokens, " << options.num_blocks << " blocks";
  options.max_num_batched_tokens = std::max(options.max_num_batched_tokens, options.max_num_seqs);
  return options;
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options)
    : options_(Checked(options)),
      pool_(options_.num_blocks, options_.prefix_caching),
      pacer_(options_.step_target_seconds) {}

Sequence& Scheduler::Add(Request request) {
  PUNA_CHECK(!request.prompt.empty() && static_cast<int>(request.prompt.size()) <= options_.max_model_len)
      << request.prompt.size() << " tokens, at most " << options_.max_model_len;
  waiting_.push_back(std::make_unique<Sequence>(std::move(request), num_added_++, pool_));
  return *waiting_.back();
}

BatchPlan Scheduler::Schedule() {
  BatchPlan plan;
  PlanDecodes(plan);
  const int budget =
      pacer_.MaxPromptTokens(options_.max_num_batched_tokens - plan.num_tokens(), plan.num_decode_tokens);
  PlanShorterPrompts(plan, budget / 2);
  PlanPrompts(plan, budget);
  AdmitWaiting(plan, budget, kAnyLength);
  PlanDrafts(plan);
  PUNA_CHECK(!plan.empty() || idle()) << num_running() << " running, " << num_waiting() << " waiting, nothing planned";
  return plan;
}

void Scheduler::PlanDecodes(BatchPlan& plan) {
  for (size_t i = 0; i < running_.size(); ++i) {  // by index: the youngest may be preempted on the way
    if (running_[i]->num_missing() == 1) PlanChunk(plan, *running_[i], 1);
  }
}

// budget: of prompt tokens in this step, here and below.
void Scheduler::PlanShorterPrompts(BatchPlan& plan, int budget) {
  const auto oldest =
      std::find_if(running_.begin(), running_.end(), [](const auto& s) { return s->num_missing() > 1; });
  if (oldest == running_.end()) return;
  const int oldest_missing = (*oldest)->num_missing();
  std::vector<Sequence*> shorter;
  for (const auto& s : running_) {
    if (s->num_missing() > 1 && s->num_missing() < oldest_missing) shorter.push_back(s.get());
  }
  std::stable_sort(shorter.begin(), shorter.end(),
                   [](const Sequence* a, const Sequence* b) { return a->num_missing() < b->num_missing(); });
  for (Sequence* s : shorter) {
    AdmitWaiting(plan, budget, s->num_missing());
    if (s->is_running && !IsPlanned(plan, *s)) PlanChunk(plan, *s, budget - plan.num_prompt_tokens);
  }
  AdmitWaiting(plan, budget, oldest_missing);
}

void Scheduler::PlanPrompts(BatchPlan& plan, int budget) {
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    if (s.num_missing() > 1 && !IsPlanned(plan, s)) PlanChunk(plan, s, budget - plan.num_prompt_tokens);
  }
}

void Scheduler::AdmitWaiting(BatchPlan& plan, int budget, int shorter_than) {
  for (size_t i = 0; i < std::min(waiting_.size(), kLookAhead);) {
    if (plan.num_prompt_tokens >= budget || NumRowsLeft(plan) == 0 || num_running() >= options_.max_num_seqs) return;
    Sequence& s = *waiting_[i];
    PrefixMatch match = s.table.FindPrefix(s.tokens, MaxReuse(s));
    if (s.num_tokens() - match.num_tokens() >= shorter_than || IsBeingComputed(s, match)) {
      ++i;
      continue;
    }
    if (!Fits(s, match)) {
      match.partial = kNoBlock;  // its source takes a block more, for a moment
      match.partial_tokens = 0;
      if (!Fits(s, match)) return;  // nobody overtakes for want of blocks
    }
    Admit(plan, waiting_.begin() + static_cast<std::ptrdiff_t>(i), match);
    PlanChunk(plan, s, budget - plan.num_prompt_tokens);
  }
}

// Whether the next block that the sequence would have to compute is on its way in a running one.
bool Scheduler::IsBeingComputed(const Sequence& sequence, const PrefixMatch& match) const {
  const size_t next = match.blocks.size();
  if (static_cast<int>(next + 1) * kBlockSize > MaxReuse(sequence) || next >= sequence.table.hashes().size())
    return false;
  return std::any_of(running_.begin(), running_.end(), [&](const auto& other) {
    const auto hashes = other->table.hashes();
    return next < hashes.size() && static_cast<int>(next) >= other->table.num_published() &&
           hashes[next] == sequence.table.hashes()[next];
  });
}

// Whether there are blocks for all its known tokens, beside those that the running sequences lack for theirs and one
// for each of them to grow into.
bool Scheduler::Fits(const Sequence& sequence, const PrefixMatch& match) const {
  int needed = BlockTable::BlocksFor(sequence.num_tokens()) - static_cast<int>(match.blocks.size());
  for (const BlockId block : match.blocks) needed += pool_.is_free(block);
  if (match.partial != kNoBlock) needed += pool_.is_free(match.partial);
  for (const auto& s : running_) {
    const int missing = BlockTable::BlocksFor(s->num_tokens()) - static_cast<int>(s->table.blocks().size());
    needed += std::max(0, missing) + 1;
  }
  return needed <= pool_.num_free();
}

void Scheduler::Admit(BatchPlan& plan, Line::iterator place, const PrefixMatch& match) {
  std::unique_ptr<Sequence> s = std::move(*place);
  waiting_.erase(place);
  if (const auto copy = s->table.Adopt(match)) plan.copies.push_back({s.get(), *copy});
  s->num_computed = match.num_tokens();
  s->is_running = true;
  if (!s->was_admitted) {
    s->was_admitted = true;
    // What a grammar forced may already stand behind the prompt, and be found as well.
    s->usage.cached_tokens = std::min(match.num_tokens(), s->num_prompt());
    if (options_.prefix_caching) s->usage.cache_write_tokens = s->num_prompt() - s->usage.cached_tokens;
    counts_.prompt_tokens += s->num_prompt();
    counts_.query_tokens += s->num_prompt();
    counts_.hit_tokens += s->usage.cached_tokens;
  }
  const auto behind =
      std::find_if(running_.begin(), running_.end(), [&](const auto& r) { return r->arrival > s->arrival; });
  running_.insert(behind, std::move(s));
}

// Rows that the step still has room for: prompt tokens, decoded tokens and guesses alike.
int Scheduler::NumRowsLeft(const BatchPlan& plan) const { return options_.max_num_batched_tokens - plan.num_tokens(); }

// Plans as many of the sequence's missing tokens as budget, rows of the step, rows of logits and blocks allow. The
// budget is of prompt tokens; a sequence that lacks one token decodes, whatever it lacks it for, and takes a row
// outside that budget.
void Scheduler::PlanChunk(BatchPlan& plan, Sequence& sequence, int budget) {
  const bool decodes = sequence.num_missing() == 1;
  const int num_tokens = std::min({sequence.num_missing(), budget, NumRowsLeft(plan), ChunkLimit(plan, sequence)});
  if (num_tokens <= 0) return;
  const int first = sequence.num_computed;
  if (!MakeRoom(plan, sequence, first + num_tokens)) return;
  plan.items.push_back({&sequence, first, num_tokens, 0, NumLogits(sequence, first, first + num_tokens)});
  (decodes ? plan.num_decode_tokens : plan.num_prompt_tokens) += num_tokens;
}

int Scheduler::ChunkLimit(const BatchPlan& plan, const Sequence& sequence) const {
  if (!sequence.wants_prompt_rows()) return kAnyLength;
  int rows = kMaxPromptRows;
  for (const PlanItem& item : plan.items) {
    if (item.sequence->wants_prompt_rows()) rows -= item.num_logits;
  }
  const int without_rows = std::max(0, sequence.num_prompt_rows - sequence.num_computed);  // computed again
  return std::min(without_rows + std::max(0, rows), sequence.num_prompt() - sequence.num_computed);
}

// False: it was the youngest itself, and has been preempted.
bool Scheduler::MakeRoom(BatchPlan& plan, Sequence& sequence, int positions) {
  while (!sequence.table.Grow(positions)) {
    Sequence& youngest = *running_.back();
    Preempt(plan, youngest);
    if (&youngest == &sequence) return false;
  }
  return true;
}

void Scheduler::Preempt(BatchPlan& plan, Sequence& sequence) {
  Unplan(plan, sequence);
  std::unique_ptr<Sequence> s = TakeOut(sequence);
  s->table.Free(s->tokens, s->num_computed);
  s->num_computed = 0;
  ++s->usage.preemptions;
  ++counts_.preemptions;
  waiting_.push_front(std::move(s));
}

void Scheduler::Unplan(BatchPlan& plan, const Sequence& sequence) {
  std::erase_if(plan.items, [&](const PlanItem& item) {
    if (item.sequence != &sequence) return false;
    (sequence.num_missing() == 1 ? plan.num_decode_tokens : plan.num_prompt_tokens) -= item.num_tokens;
    return true;
  });
  std::erase_if(plan.copies, [&](const PlannedCopy& planned) {
    if (planned.sequence != &sequence) return false;
    pool_.Release(std::span(&planned.copy.from, 1), false);
    return true;
  });
}

// Takes it out of its line.
std::unique_ptr<Sequence> Scheduler::TakeOut(Sequence& sequence) {
  Line& line = sequence.is_running ? running_ : waiting_;
  const auto place = std::find_if(line.begin(), line.end(), [&](const auto& s) { return s.get() == &sequence; });
  PUNA_CHECK(place != line.end());
  std::unique_ptr<Sequence> taken = std::move(*place);
  line.erase(place);
  taken->is_running = false;
  return taken;
}

// A step that only decodes is bound by reading the weights: some rows more cost little. Beside a prompt each guess
// would cost as much as a prompt token.
void Scheduler::PlanDrafts(BatchPlan& plan) {
  if (!options_.make_proposer || plan.num_prompt_tokens > 0 || plan.empty()) return;
  const int rows = std::min(kMaxDraftRows, options_.max_num_batched_tokens);
  const int share = (rows - plan.num_decode_tokens) / plan.num_decode_tokens;
  for (PlanItem& item : plan.items) {
    if (item.num_logits == 1 && !item.sequence->wants_prompt_rows()) PlanDraft(plan, item, share);
  }
}

void Scheduler::PlanDraft(BatchPlan& plan, PlanItem& item, int max_tokens) {
  Sequence& s = *item.sequence;
  const int room = s.table.num_positions() + pool_.num_free() * kBlockSize - s.num_tokens();
  max_tokens = std::min({max_tokens, NumRowsLeft(plan), room, s.request.stop.max_new_tokens - s.num_output() - 1,
                         options_.max_model_len - s.num_tokens() - 1});
  if (max_tokens <= 0) return;
  if (!s.proposer) s.proposer = options_.make_proposer(s.request);
  s.draft = s.proposer->Propose(s.tokens, max_tokens);
  PUNA_CHECK(static_cast<int>(s.draft.size()) <= max_tokens) << s.draft.size();
  if (s.request.constraint && !s.draft.empty()) s.draft.resize(s.request.constraint->CountAccepted(s.draft));
  const int num_draft = static_cast<int>(s.draft.size());
  const bool has_room = s.table.Grow(s.num_tokens() + num_draft);
  PUNA_CHECK(has_room);
  item.num_tokens += num_draft;
  item.num_draft = num_draft;
  item.num_logits += num_draft;
  plan.num_decode_tokens += num_draft;
}

void Scheduler::MarkComputed(const PlanItem& item) {
  Sequence& s = *item.sequence;
  s.num_computed = item.first + item.num_tokens - item.num_draft;
  s.num_prompt_rows = std::max(s.num_prompt_rows, std::min(s.num_computed, s.num_prompt() - 1));
  s.table.Publish(s.tokens, s.num_computed);
  if (s.num_missing() == 0 && s.request.stop.max_new_tokens == 0) Finish(s, FinishReason::kLength);
}

bool Scheduler::Append(Sequence& sequence, TokenId id) {
  Sequence& s = sequence;
  s.tokens.push_back(id);
  if (s.counts) s.counts->AddOutput(id);
  const bool guessed = s.num_accepted < static_cast<int>(s.draft.size()) && s.draft[s.num_accepted] == id;
  if (guessed) {
    ++s.num_accepted;
    ++s.num_computed;
  } else {
    s.draft.resize(s.num_accepted);  // what was guessed behind a wrong guess is worth nothing
  }
  const StopCriteria& stop = s.request.stop;
  const bool is_end = std::find(stop.end_ids.begin(), stop.end_ids.end(), id) != stop.end_ids.end();
  if (is_end && !stop.ignore_eos && s.num_output() > stop.min_new_tokens) {
    Finish(s, FinishReason::kStop);
    return false;
  }
  TokenConstraint* constraint = s.request.constraint.get();
  if (constraint != nullptr) constraint->Accept(id);
  if (constraint != nullptr && constraint->ended()) {
    Finish(s, FinishReason::kStop);
  } else if (s.num_output() >= stop.max_new_tokens || s.num_tokens() >= options_.max_model_len) {
    Finish(s, FinishReason::kLength);
  }
  return guessed && !s.ended();
}

void Scheduler::EndStep(const BatchPlan& plan) {
  for (const PlannedCopy& planned : plan.copies) pool_.Release(std::span(&planned.copy.from, 1), false);
  for (const PlanItem& item : plan.items) {
    Sequence& s = *item.sequence;
    if (item.num_draft == 0) continue;
    if (s.proposer->FromPrediction()) {
      s.usage.accepted_prediction_tokens += s.num_accepted;
      s.usage.rejected_prediction_tokens += item.num_draft - s.num_accepted;
    }
    counts_.draft_tokens += item.num_draft;
    counts_.accepted_draft_tokens += s.num_accepted;
    s.proposer->Observe(item.num_draft, s.num_accepted);
    s.draft.clear();
    s.num_accepted = 0;
  }
}

void Scheduler::ObserveStep(const BatchPlan& plan, double seconds) {
  pacer_.Observe(plan.num_prompt_tokens, plan.num_decode_tokens, seconds);
}

void Scheduler::Finish(Sequence& sequence, FinishReason reason, std::string error) {
  if (sequence.ended()) return;
  std::unique_ptr<Sequence> s = TakeOut(sequence);
  s->table.Free(s->tokens, s->num_computed);
  s->finish = engine::Finish{reason, std::move(error), {}};
  finished_.push_back(std::move(s));
}

void Scheduler::FailStep(const BatchPlan& plan, const std::string& error) {
  for (const PlannedCopy& planned :
       plan.copies) {  // perhaps not made: what stands in the copy is not to be found by others
    Sequence& s = *planned.sequence;
    s.num_computed = std::min(s.num_computed, s.table.num_published() * kBlockSize);
  }
  for (const PlanItem& item : plan.items) Finish(*item.sequence, FinishReason::kError, error);
}

void Scheduler::FinishCancelled() {
  for (Line* line : {&running_, &waiting_}) {
    for (size_t i = line->size(); i-- > 0;) {
      Sequence& s = *(*line)[i];
      if (s.request.stream && s.request.stream->cancelled()) Finish(s, FinishReason::kCancelled);
    }
  }
}

void Scheduler::FinishAll(FinishReason reason) {
  while (!running_.empty()) Finish(*running_.back(), reason);
  while (!waiting_.empty()) Finish(*waiting_.back(), reason);
}

std::vector<std::unique_ptr<Sequence>> Scheduler::TakeFinished() {
  for (const auto& s : finished_) {
    s->usage.completion_tokens = s->num_output();
    s->finish->usage = s->usage;
  }
  return std::exchange(finished_, {});
}

std::string Scheduler::FindFault() const {
  std::vector<int> holders(pool_.num_blocks());
  for (size_t i = 0; i < running_.size(); ++i) {
    const Sequence& s = *running_[i];
    for (const BlockId block : s.table.blocks()) ++holders[block];
    const std::string name = "sequence " + std::to_string(s.arrival);
    if (!s.is_running || s.ended()) return name + " is in the wrong line";
    if (i > 0 && running_[i - 1]->arrival >= s.arrival) return name + " is out of order";
    if (s.num_missing() < 1) return name + " lacks nothing";
    if (s.table.num_positions() < s.num_computed) return name + " has computed beyond its blocks";
    if (s.table.num_published() * kBlockSize > s.num_computed) return name + " shares what is not computed";
    if (!s.draft.empty()) return name + " keeps a draft";
  }
  for (const auto& s : waiting_) {
    if (s->is_running || !s->table.blocks().empty())
      return "sequence " + std::to_string(s->arrival) + " waits with blocks";
  }
  return pool_.FindFault(holders);
}

}  // namespace puna::engine
