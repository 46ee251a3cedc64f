// Figures of scheduler: 1; raised when the documents' tables no longer describe this code.
#include "engine/scheduler/scheduler.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr int kAnyLength = std::numeric_limits<int>::max();

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

// Of an error; where there is no memory for it, that is the error.
std::string CopyOf(const std::string& error) {
  try {
    return error;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options)
    : options_(Checked(options)),
      pool_(options_.num_blocks, options_.prefix_caching, options_.hash_key),
      pacer_(options_.step_target_seconds),
      keep_(options_.num_blocks) {}

Sequence& Scheduler::Add(Request request) {
  PUNA_CHECK(!request.prompt.empty() && static_cast<int>(request.prompt.size()) <= options_.max_model_len)
      << request.prompt.size() << " tokens, at most " << options_.max_model_len;
  const TenantId tenant = request.tenant;
  const int weight = request.tenant_weight;
  auto sequence = std::make_unique<Sequence>(std::move(request), num_added_, pool_);
  MakeRoomInLines(running_.size() + waiting_.size() + finished_.size() + 1);
  tenants_.Enter(tenant, weight);
  ++num_added_;
  waiting_.push_back(std::move(sequence));
  return *waiting_.back();
}

void Scheduler::MakeRoomInLines(size_t num_sequences) {
  for (Line* line : {&running_, &waiting_, &finished_}) {
    if (line->capacity() < num_sequences) line->reserve(std::max(num_sequences, 2 * line->capacity()));
  }
}

BatchPlan Scheduler::Schedule() {
  BatchPlan plan;
  try {
    Plan(plan);
  } catch (const std::bad_alloc&) {
    GiveUp(plan);
  }
  return plan;
}

// Ends those who are in it already. Where nobody is, the youngest ends of those who run, or else of those who wait: tried again
// for the same ones, it would perhaps fail for ever.
void Scheduler::GiveUp(BatchPlan& plan) {
  FailStep(plan, kNoMemory);
  for (const PlannedCopy& planned : plan.copies) pool_.Release(std::span(&planned.copy.from, 1), false);
  if (plan.items.empty() && plan.copies.empty() && !idle())
    Finish(*(running_.empty() ? waiting_ : running_).back(), FinishReason::kError, kNoMemory);
  plan = {};
  plan.given_up = true;
}

void Scheduler::Plan(BatchPlan& plan) {
  EndLoads();
  StartLoads();
  PlanDecodes(plan);
  const int budget =
      pacer_.MaxPromptTokens(options_.max_num_batched_tokens - plan.num_tokens(), plan.num_decode_tokens);
  PlanShares(plan, budget);
  PlanGuesses(plan);
  PUNA_CHECK(!plan.empty() || idle() || options_.tier != nullptr)
      << num_running() << " running, " << num_waiting() << " waiting, nothing planned";
}

void Scheduler::PlanDecodes(BatchPlan& plan) {
  std::vector<Sequence*> decoding;
  for (const auto& s : running_) {
    if (s->num_missing() == 1) decoding.push_back(s.get());
  }
  for (Sequence* s : decoding) {  // one that comes later may have been preempted on the way
    if (s->is_running) PlanChunk(plan, *s, 1);
  }
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

// A sequence that is planned already computes more, as far as the step has room. Not for one whose prompt's rows of logits are
// wanted: they have a limit of their own.
void Scheduler::ExtendChunk(BatchPlan& plan, Sequence& sequence, int budget) {
  const auto item = std::find_if(plan.items.begin(), plan.items.end(),
                                 [&sequence](const PlanItem& planned) { return planned.sequence == &sequence; });
  if (item == plan.items.end()) return PlanChunk(plan, sequence, budget);
  const int more = std::min({sequence.num_missing() - item->num_tokens, budget, NumRowsLeft(plan)});
  if (more <= 0 || sequence.num_missing() == 1 || sequence.wants_prompt_rows()) return;
  const int first = item->first, end = item->first + item->num_tokens + more;
  std::erase_if(plan.items, [&sequence](const PlanItem& planned) { return planned.sequence == &sequence; });
  plan.num_prompt_tokens -= end - more - first;
  if (!MakeRoom(plan, sequence, end)) return;
  plan.items.push_back({&sequence, first, end - first, 0, NumLogits(sequence, first, end)});
  plan.num_prompt_tokens += end - first;
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

// False: it had to go itself, and has been preempted.
bool Scheduler::MakeRoom(BatchPlan& plan, Sequence& sequence, int positions) {
  while (!sequence.table.Grow(positions)) {
    if (GiveUpLoad()) continue;
    Sequence& loser = LoserOfBlocks();
    Preempt(plan, loser);
    if (&loser == &sequence) return false;
  }
  return true;
}

void Scheduler::Preempt(BatchPlan& plan, Sequence& sequence) {
  Unplan(plan, sequence);
  std::unique_ptr<Sequence> s = TakeOut(sequence);
  s->table.Free(s->tokens, s->num_computed);
  if (s->num_computed >= options_.tier_policy.worth_keeping) Keep(*s, s->num_computed / kBlockSize);
  s->num_computed = 0;
  s->draft_memo.reset();
  s->asked_tier = false;
  ++s->usage.preemptions;
  ++counts_.preemptions;
  waiting_.insert(waiting_.begin(), std::move(s));
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

void Scheduler::MarkComputed(const PlanItem& item) {
  Sequence& s = *item.sequence;
  s.written_from = item.first;
  s.num_computed = item.first + item.num_tokens - item.num_draft;
  s.num_prompt_rows = std::max(s.num_prompt_rows, std::min(s.num_computed, s.num_prompt() - 1));
  s.table.Publish(s.tokens, s.num_computed);
  if (s.num_prompt() >= options_.tier_policy.long_prompt)
    Keep(s, std::min(s.table.num_published(), s.num_prompt() / kBlockSize));
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
    tenants_.Charge(item.sequence->request.tenant, item.num_tokens - item.num_draft);
    try {
      if (item.num_draft > 0) LearnFromGuesses(item);
    } catch (const std::bad_alloc&) {  // then nothing is learnt
    }
    ForgetGuesses(*item.sequence);
  }
}

void Scheduler::ObserveStep(const BatchPlan& plan, double seconds) {
  try {
    pacer_.Observe(plan.num_prompt_tokens, plan.num_decode_tokens, seconds);
    PayForGuesses(plan);
  } catch (const std::bad_alloc&) {  // then nothing is learnt, here as above
  }
}

void Scheduler::Finish(Sequence& sequence, FinishReason reason, std::string error) {
  if (sequence.ended()) return;
  EndLoad(sequence);
  std::unique_ptr<Sequence> s = TakeOut(sequence);
  s->table.Free(s->tokens, s->num_computed);
  if (s->num_computed >= options_.tier_policy.worth_keeping && reason != FinishReason::kError)
    Keep(*s, s->num_computed / kBlockSize);
  s->draft_memo.reset();
  Remember(*s, reason);
  s->finish = engine::Finish{reason, std::move(error), {}};
  tenants_.Leave(s->request.tenant);
  finished_.push_back(std::move(s));
}

// Whole answers only: one that was given up says little about the next.
void Scheduler::Remember(const Sequence& s, FinishReason reason) {
  const bool whole = reason == FinishReason::kStop || reason == FinishReason::kLength ||
                     (s.request.stream && s.request.stream->had_enough());
  if (options_.answers == nullptr || !whole || !s.request.remembered || s.num_output() == 0) return;
  try {
    options_.answers->Add(options_.answers->TenantOf(s.request), std::span(s.tokens).subspan(s.request.prompt.size()));
  } catch (const std::bad_alloc&) {  // then it is not remembered
  }
}

void Scheduler::FailStep(const BatchPlan& plan, const std::string& error) {
  for (const PlannedCopy& planned :
       plan.copies) {  // perhaps not made: what stands in the copy is not to be found by others
    Sequence& s = *planned.sequence;
    s.num_computed = std::min(s.num_computed, s.table.num_published() * kBlockSize);
  }
  for (const PlanItem& item : plan.items) Finish(*item.sequence, FinishReason::kError, CopyOf(error));
  for (const PlannedCopy& planned : plan.copies) Finish(*planned.sequence, FinishReason::kError, CopyOf(error));
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
  Line taken;
  taken.reserve(finished_.capacity());
  taken.swap(finished_);
  return taken;
}

}  // namespace puna::engine
