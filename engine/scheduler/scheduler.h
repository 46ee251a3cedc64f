// Scheduler: which sequence computes how many tokens now. No tensor, no clock, no lock; one thread.
//
// There is no prefill phase and no decode phase. A sequence has num_tokens ids and num_computed of them in the cache; a
// step gives out at most max_num_batched_tokens so that computed catches up.
//   1. Sequences that lack one token (they decode) come first, in order of arrival.
//   2. The rest of the budget goes to prompts, in equal parts (or by their weights) to the tenants who have any; what one
//      has no use for goes to the others (scheduler_shares.cc). Where that would be crumbs, those have it who have had least
//      so far (Tenants).
//      Within a tenant, lower numbers of `priority` come first, and among equals short ones do not queue behind a long one:
//      half of it goes to prompts with fewer tokens left than the oldest has, fewest first, and before each of them to
//      waiting ones that are shorter still; what remains goes to the others in order of arrival, then to waiting ones in
//      order of arrival. Beside decoding sequences the Pacer sets how much it is. Every row counts: no step has more than
//      max_num_batched_tokens.
//   3. Guesses about the next tokens of decoding sequences are added as far as they pay (scheduler_guesses.cc).
// A waiting sequence is admitted when its known tokens fit beside what the running ones still need for theirs. It
// begins with its longest cached prefix. When a running one is just computing what it needs next, it waits for those
// blocks. When a block is needed and none is free, a running sequence is preempted, never the oldest: of the tenant that
// holds most, the least urgent one, the youngest of them. Its blocks are freed and it goes to the front of the waiting line, to
// be computed again (mostly from the cache). A request that could not fit into an empty cache never got here, so the oldest can
// always finish.
// Places (max_num_seqs) and blocks are shared as rows are: a tenant that has less than its equal part of them, and would have
// no more with the request that waits, has the youngest sequence preempted of one that has more than its own. Who has made way
// computes kYieldAgain tokens more before it does so again, so that everybody moves on. The bound that this keeps: where T
// tenants of equal weight are there, a prompt that would be the only one of its tenant is computed in at most T times as many
// steps as it takes alone, and the one step that was under way when it came.
//
// Where there is a tier below the pool (scheduler_tier.cc), a waiting sequence is asked for there before it is admitted.
// While its blocks come it holds them and waits, and others go on; when blocks are needed, such loads are given up before
// anybody is preempted. The other way, blocks that are worth it are named for the tier, and TakeKept gives them out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/kv_cache/block_pool.h"
#include "engine/kv_cache/keep_queue.h"
#include "engine/kv_cache/kv_tier.h"
#include "engine/scheduler/answer_index.h"
#include "engine/scheduler/batch_plan.h"
#include "engine/scheduler/drafter.h"
#include "engine/scheduler/guess_budget.h"
#include "engine/scheduler/guess_credit.h"
#include "engine/scheduler/pacer.h"
#include "engine/scheduler/sequence.h"
#include "engine/scheduler/tenants.h"

namespace puna::engine {

struct SchedulerOptions {
  int num_blocks = 0;
  int max_num_seqs = 16;
  int max_num_batched_tokens = 512;  // at least max_num_seqs
  int max_model_len = 0;             // tokens of a sequence; at most num_blocks * kBlockSize
  bool prefix_caching = true;
  double step_target_seconds = 0;  // see Pacer
  KvTier* tier = nullptr;          // below the pool; null: none
  TierPolicy tier_policy = {};
  std::optional<HashKey> hash_key;  // of the blocks' names; none: a random one
  // Makes the proposer of a sequence; none: nothing is looked up.
  std::function<std::unique_ptr<Proposer>(const Request&)> make_proposer;
  AnswerIndex* answers = nullptr;  // told of finished answers; null: nobody is
  Drafter* drafter = nullptr;      // a draft model; null: none
  bool measured_guesses = true;    // false: whatever is guessed is computed, however long steps take
};

struct SchedulerCounts {
  uint64_t prompt_tokens = 0;  // of prompts admitted for the first time
  uint64_t query_tokens = 0;   // looked up in the prefix cache
  uint64_t hit_tokens = 0;     // of them, found
  uint64_t tier_tokens = 0;    // of those found, brought from the tier
  uint64_t copied_tokens = 0;  // of those found, copied out of blocks that go on otherwise
  uint64_t lost_blocks = 0;    // worth keeping, but given to others before they were taken
  MissedTokens missed_tokens{};
  uint64_t preemptions = 0;
  GuessTallies guesses;
  double draft_seconds = 0;  // of the draft model
};

// A block in the pool that the tier should have.
struct KeptBlock {
  BlockName name;
  BlockId block = kNoBlock;
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerOptions& options);

  // std::bad_alloc: nothing has changed.
  Sequence& Add(Request request);

  // The next step. Not empty unless idle(), or all who are there wait for the tier, or there was no memory for it: then those end
  // with kNoMemory for whom it was being made. Until EndStep the plan's sequences stay where they are, ended or not.
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

  // Ends it and frees its blocks at once. Nothing happens when it has ended before. It takes no memory that is needed: what
  // was computed may be found again later, or not.
  void Finish(Sequence& sequence, FinishReason reason, std::string error = "");
  void FinishCancelled();  // those whose reader went away

  // The step could not be computed: ends its sequences with kError. EndStep follows as ever.
  void FailStep(const BatchPlan& plan, const std::string& error);

  void FinishAll(FinishReason reason);

  // Those that ended since the last call; usage is complete but for times. std::bad_alloc: they are there the next time.
  std::vector<std::unique_ptr<Sequence>> TakeFinished();
  bool has_finished() const { return !finished_.empty(); }

  // The next block for the tier; none: there is none.
  std::optional<KeptBlock> TakeKept();
  bool has_kept() const { return !keep_.empty(); }

  bool idle() const { return running_.empty() && waiting_.empty(); }
  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const { return static_cast<int>(waiting_.size()); }
  const BlockPool& pool() const { return pool_; }
  const SchedulerCounts& counts() const { return counts_; }
  const Tenants& tenants() const { return tenants_; }
  double StepTarget(int num_decode) const { return pacer_.TargetSeconds(num_decode); }

  // `see` is called with each sequence: the running ones first, each line in its order.
  template <typename F>
  void ForEach(F&& see) const {
    for (const Line* line : {&running_, &waiting_}) {
      for (const auto& sequence : *line) see(std::as_const(*sequence));
    }
  }

  // Between steps: what is inconsistent, in words; or empty.
  std::string FindFault() const;

 private:
  // Room for all that are there, so that changing the line takes no memory.
  using Line = std::vector<std::unique_ptr<Sequence>>;

  // Which waiting sequences of a tenant are looked at, and up to which number of prompt tokens in the plan.
  struct Door {
    int limit = 0;
    int shorter_than = 0;
    int max_priority = 0;
  };

  void Plan(BatchPlan& plan);
  void GiveUp(BatchPlan& plan);
  void PlanDecodes(BatchPlan& plan);
  void PlanShares(BatchPlan& plan, int budget);
  std::vector<TenantId> WhoWants() const;
  void PlanRest(BatchPlan& plan, const std::vector<TenantId>& tenants, int budget);
  void PlanTenant(BatchPlan& plan, TenantId tenant, int share);
  void PlanShorterPrompts(BatchPlan& plan, TenantId tenant, int limit);
  void PlanPrompts(BatchPlan& plan, TenantId tenant, int limit);
  void PlanGuesses(BatchPlan& plan);
  void AdmitWaiting(BatchPlan& plan, TenantId tenant, const Door& door);
  bool AdmitOne(BatchPlan& plan, Sequence& sequence, const Door& door);

  std::vector<Sequence*> PromptsOf(TenantId tenant) const;
  std::vector<Sequence*> WaitingOf(TenantId tenant) const;
  int64_t NumWanted(TenantId tenant) const;
  int NumPlaces(TenantId tenant) const;
  int NumHeld(TenantId tenant) const;
  int PartOf(int whole, TenantId tenant) const;
  bool MayOvertake(const Sequence& sequence) const;
  std::optional<Waits> MakeWay(BatchPlan& plan, Sequence& sequence, const PrefixMatch& match);
  void EndLoadsFor(const Sequence& sequence, const PrefixMatch& match);
  Sequence* FindYielding(const Sequence& sequence, bool for_blocks, const std::vector<Sequence*>& found) const;
  Sequence& LoserOfBlocks() const;

  int NumRowsLeft(const BatchPlan& plan) const;
  void PlanChunk(BatchPlan& plan, Sequence& sequence, int budget);
  void ExtendChunk(BatchPlan& plan, Sequence& sequence, int budget);
  int ChunkLimit(const BatchPlan& plan, const Sequence& sequence) const;
  bool MakeRoom(BatchPlan& plan, Sequence& sequence, int positions);
  void Preempt(BatchPlan& plan, Sequence& sequence);
  void Unplan(BatchPlan& plan, const Sequence& sequence);

  void StartLoads();
  void AskTier(Sequence& sequence);
  void StartLoad(Sequence& sequence, const PrefixMatch& match, int num_blocks);
  void EndLoads();
  void EndLoad(Sequence& sequence);
  bool GiveUpLoad();
  bool IsBeingLoaded(const Sequence& sequence, const PrefixMatch& match) const;
  int NumLoads() const;
  int CountInTier(const Sequence& sequence, const PrefixMatch& match) const;
  void Keep(Sequence& sequence, int num_blocks);
  void KeepFound(Sequence& sequence, const PrefixMatch& match);
  void NoteDifference(Sequence& sequence, const PrefixMatch& match);

  struct GuessPlan;
  int RoomForGuesses(const Sequence& s, int share) const;
  void LookUp(GuessPlan& guess);
  void OfferDraft(GuessPlan& guess);
  static void CutDraft(Sequence& s, int size);
  void ChooseGuesses(std::span<GuessPlan> guesses, const GuessBudget::Step& step);
  void MakeDrafts(BatchPlan& plan, std::span<const GuessPlan> guesses);
  void LearnFromGuesses(const PlanItem& item);
  void PayForGuesses(const BatchPlan& plan);
  static void ForgetGuesses(Sequence& s);
  void MakeRoomInLines(size_t num_sequences);
  void Remember(const Sequence& s, FinishReason reason);

  const Sequence* FindComputing(const Sequence& sequence, const PrefixMatch& match) const;
  int NumLacking(const Sequence& sequence, const PrefixMatch& match) const;
  PrefixMiss WhyMissed(const Sequence& sequence, const PrefixMatch& match) const;
  void Admit(BatchPlan& plan, Sequence& sequence, const PrefixMatch& match);
  std::unique_ptr<Sequence> TakeOut(Sequence& sequence);

  const SchedulerOptions options_;
  BlockPool pool_;
  Pacer pacer_;
  GuessBudget budget_;
  GuessCredit credit_;
  int num_true_ = 0;  // guesses of the step that came true
  KeepQueue keep_;
  Line running_;  // in order of arrival
  Line waiting_;  // preempted ones in front, then in order of arrival
  Tenants tenants_;
  std::vector<TenantId> short_of_blocks_, were_short_of_blocks_;  // in this step, and in the one before
  Line finished_;
  uint64_t num_added_ = 0;
  SchedulerCounts counts_;
};

}  // namespace puna::engine
