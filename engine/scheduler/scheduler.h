// Scheduler: which sequence computes how many tokens now. No tensor, no clock, no lock; one thread.
//
// There is no prefill phase and no decode phase. A sequence has num_tokens ids and num_computed of them in the cache; a
// step gives out at most max_num_batched_tokens so that computed catches up.
//   1. Sequences that lack one token (they decode) come first, in order of arrival.
//   2. The rest of the budget goes to prompts. Short ones do not queue behind a long one: half of it goes to prompts
//   with
//      fewer tokens left than the oldest has, fewest first, and before each of them to waiting ones that are shorter
//      still; what remains goes to the others in order of arrival, then to waiting ones in order of arrival. Beside
//      decoding sequences the Pacer sets how much it is. Every row counts: no step has more than
//      max_num_batched_tokens.
//   3. If only decoding sequences are there, guesses about their next tokens fill the step up to kMaxDraftRows.
// A waiting sequence is admitted when its known tokens fit beside what the running ones still need for theirs. It
// begins with its longest cached prefix. When a running one is just computing what it needs next, it waits for those
// blocks. When a block is needed and none is free, the youngest running sequence is preempted: its blocks are freed and
// it goes to the front of the waiting line, to be computed again (mostly from the cache). A request that could not fit
// into an empty cache never got here, so the oldest can always finish.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/kv_cache/block_pool.h"
#include "engine/scheduler/batch_plan.h"
#include "engine/scheduler/pacer.h"
#include "engine/scheduler/sequence.h"

namespace puna::engine {

struct SchedulerOptions {
  int num_blocks = 0;
  int max_num_seqs = 16;
  int max_num_batched_tokens = 512;  // at least max_num_seqs
  int max_model_len = 0;             // tokens of a sequence; at most num_blocks * kBlockSize
  bool prefix_caching = true;
  double step_target_seconds = 0;  // see Pacer
  // Makes the proposer of a sequence; none: no speculation.
  std::function<std::unique_ptr<Proposer>(const Request&)> make_proposer;
};

struct SchedulerCounts {
  uint64_t prompt_tokens = 0;  // of prompts admitted for the first time
  uint64_t query_tokens = 0;   // looked up in the prefix cache
  uint64_t hit_tokens = 0;     // of them, found
  uint64_t preemptions = 0;
  uint64_t draft_tokens = 0, accepted_draft_tokens = 0;
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerOptions& options);

  Sequence& Add(Request request);

  // The next step. Not empty unless idle(). Until EndStep the plan's sequences stay where they are, ended or not.
  BatchPlan Schedule();

  // The item's known tokens are in the cache now.
  void MarkComputed(const PlanItem& item);

  // The next id of the sequence. True: the next row of this step's item was computed behind this very id, so that the
  // id after it can be drawn as well. False: there is no such row, or the sequence has ended.
  bool Append(Sequence& sequence, TokenId id);

  // Closes the step: copied blocks are let go of, proposers learn what came true.
  void EndStep(const BatchPlan& plan);

  // What a step took, for the Pacer.
  void ObserveStep(const BatchPlan& plan, double seconds);

  // Ends it and frees its blocks at once. Nothing happens when it has ended before.
  void Finish(Sequence& sequence, FinishReason reason, std::string error = "");
  void FinishCancelled();  // those whose reader went away

  // The step could not be computed: ends its sequences with kError. EndStep follows as ever.
  void FailStep(const BatchPlan& plan, const std::string& error);

  void FinishAll(FinishReason reason);

  // Those that ended since the last call; usage is complete but for times.
  std::vector<std::unique_ptr<Sequence>> TakeFinished();

  bool idle() const { return running_.empty() && waiting_.empty(); }
  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const { return static_cast<int>(waiting_.size()); }
  const BlockPool& pool() const { return pool_; }
  const SchedulerCounts& counts() const { return counts_; }

  // Between steps: what is inconsistent, in words; or empty.
  std::string FindFault() const;

 private:
  using Line = std::deque<std::unique_ptr<Sequence>>;

  void PlanDecodes(BatchPlan& plan);
  void PlanShorterPrompts(BatchPlan& plan, int budget);
  void PlanPrompts(BatchPlan& plan, int budget);
  void PlanDrafts(BatchPlan& plan);
  void AdmitWaiting(BatchPlan& plan, int budget, int shorter_than);

  int NumRowsLeft(const BatchPlan& plan) const;
  void PlanChunk(BatchPlan& plan, Sequence& sequence, int budget);
  int ChunkLimit(const BatchPlan& plan, const Sequence& sequence) const;
  bool MakeRoom(BatchPlan& plan, Sequence& sequence, int positions);
  void Preempt(BatchPlan& plan, Sequence& sequence);
  void Unplan(BatchPlan& plan, const Sequence& sequence);
  void PlanDraft(BatchPlan& plan, PlanItem& item, int max_tokens);

  bool IsBeingComputed(const Sequence& sequence, const PrefixMatch& match) const;
  bool Fits(const Sequence& sequence, const PrefixMatch& match) const;
  void Admit(BatchPlan& plan, Line::iterator place, const PrefixMatch& match);
  std::unique_ptr<Sequence> TakeOut(Sequence& sequence);

  const SchedulerOptions options_;
  BlockPool pool_;
  Pacer pacer_;
  Line running_;  // in order of arrival
  Line waiting_;  // preempted ones in front, then in order of arrival
  std::vector<std::unique_ptr<Sequence>> finished_;
  uint64_t num_added_ = 0;
  SchedulerCounts counts_;
};

}  // namespace puna::engine
