// Who comes in from the waiting line, and what its beginning is waited for.
#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {

void Scheduler::AdmitWaiting(BatchPlan& plan, TenantId tenant, const Door& door) {
  for (Sequence* s : WaitingOf(tenant)) {
    if (plan.num_prompt_tokens >= door.limit || NumRowsLeft(plan) == 0) return;
    if (s->request.priority > door.max_priority) return;
    if (!AdmitOne(plan, *s, door)) return;
  }
}

// False: nobody of its tenant may come in behind it.
bool Scheduler::AdmitOne(BatchPlan& plan, Sequence& s, const Door& door) {
  const auto waits = [&s](Waits why, std::optional<uint64_t> whom = std::nullopt) {
    s.waits = why;
    s.waits_for = whom;
    return why != Waits::kPlace && why != Waits::kBlocks;
  };
  if (s.load) return waits(Waits::kDisk);  // its blocks are set aside
  // Looking for a prompt's beginning reads all of it: not while all places are taken by whom nobody makes way.
  if (num_running() >= options_.max_num_seqs && FindYielding(s, /*for_blocks=*/false, {}) == nullptr)
    return waits(Waits::kPlace, running_.front()->arrival);
  PrefixMatch match = s.table.FindPrefix(s.tokens, s.max_reuse());
  if (s.num_tokens() - match.num_tokens() >= door.shorter_than) return waits(Waits::kTurn);
  if (const Sequence* other = FindComputing(s, match)) return waits(Waits::kPrefix, other->arrival);
  if (IsBeingLoaded(s, match)) return waits(Waits::kPrefix);
  if (NumLacking(s, match) > 0) {
    match.partial = kNoBlock;  // its source takes a block more, for a moment
    match.partial_tokens = 0;
  }
  if (options_.tier != nullptr && !s.asked_tier) return waits(NumLacking(s, match) > 0 ? Waits::kBlocks : Waits::kDisk);
  if (const std::optional<Waits> why = MakeWay(plan, s, match)) {
    if (*why == Waits::kBlocks) short_of_blocks_.push_back(s.request.tenant);
    waits(*why, running_.empty() ? std::nullopt : std::optional(running_.front()->arrival));
    return false;
  }
  Admit(plan, s, match);
  PlanChunk(plan, s, door.limit - plan.num_prompt_tokens);
  return true;
}

// The running sequence, if any, that is on its way to the next block that this one would have to compute. One of another
// tenant counts when it is the first of that one's prompts: all others may be held up by what does not concern this one.
const Sequence* Scheduler::FindComputing(const Sequence& sequence, const PrefixMatch& match) const {
  const size_t next = match.blocks.size();
  if (static_cast<int>(next + 1) * kBlockSize > sequence.max_reuse() || next >= sequence.table.hashes().size())
    return nullptr;
  for (const auto& other : running_) {
    const auto hashes = other->table.hashes();
    const bool computes = next < hashes.size() && static_cast<int>(next) >= other->table.num_published() &&
                          hashes[next] == sequence.table.hashes()[next];
    if (!computes) continue;
    const TenantId tenant = other->request.tenant;
    if (tenant == sequence.request.tenant) return other.get();
    const std::vector<Sequence*> prompts = PromptsOf(tenant);
    if (other->num_missing() == 1 || prompts.front() == other.get()) return other.get();
  }
  return nullptr;
}

// How many blocks it lacks for all its known tokens, beside those that the running sequences lack for theirs and one for each
// of them to grow into; 0 or less: it fits.
int Scheduler::NumLacking(const Sequence& sequence, const PrefixMatch& match) const {
  int needed = BlockTable::BlocksFor(sequence.num_tokens()) - static_cast<int>(match.blocks.size());
  for (const BlockId block : match.blocks) needed += pool_.is_free(block);
  if (match.partial != kNoBlock) needed += pool_.is_free(match.partial);
  for (const auto& s : running_) {
    const int missing = BlockTable::BlocksFor(s->num_tokens()) - static_cast<int>(s->table.blocks().size());
    needed += std::max(0, missing) + 1;
  }
  for (const auto& s : waiting_) {
    if (!s->load || s.get() == &sequence) continue;
    const size_t held = s->load->prefix.size() + s->load->load->blocks().size();
    needed += BlockTable::BlocksFor(s->num_tokens()) - static_cast<int>(held) + 1;
  }
  return needed - pool_.num_free();
}

// What may fail for want of memory comes first, while it still stands in its line.
void Scheduler::Admit(BatchPlan& plan, Sequence& sequence, const PrefixMatch& match) {
  KeepFound(sequence, match);
  if (!sequence.was_admitted) sequence.missed = WhyMissed(sequence, match);
  NoteDifference(sequence, match);
  plan.copies.reserve(plan.copies.size() + 1);
  if (const auto copy = sequence.table.Adopt(match)) {
    plan.copies.push_back({&sequence, *copy});
    if (options_.drafter != nullptr) options_.drafter->CopyBlock(*copy);
  }
  std::unique_ptr<Sequence> s = TakeOut(sequence);
  s->num_computed = s->written_from = match.num_tokens();
  s->is_running = true;
  if (!s->was_admitted) {
    s->was_admitted = true;
    // What a grammar forced may already stand behind the prompt, and be found as well.
    s->usage.cached_tokens = std::min(match.num_tokens(), s->num_prompt());
    if (options_.prefix_caching) s->usage.cache_write_tokens = s->num_prompt() - s->usage.cached_tokens;
    s->usage.copied_tokens = std::min(match.partial_tokens, s->usage.cached_tokens);
    counts_.prompt_tokens += s->num_prompt();
    counts_.query_tokens += s->num_prompt();
    counts_.hit_tokens += s->usage.cached_tokens;
    counts_.missed_tokens[static_cast<size_t>(s->missed)] += s->num_prompt() - s->usage.cached_tokens;
    s->usage.disk_tokens = std::min(s->usage.disk_tokens, s->usage.cached_tokens - s->usage.copied_tokens);
    counts_.tier_tokens += s->usage.disk_tokens;
    counts_.copied_tokens += s->usage.copied_tokens;
  }
  const auto behind =
      std::find_if(running_.begin(), running_.end(), [&](const auto& r) { return r->arrival > s->arrival; });
  running_.insert(behind, std::move(s));
}

}  // namespace puna::engine
