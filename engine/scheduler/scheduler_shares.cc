// What each tenant has of a step's prompt tokens, of the places and of the blocks, and who makes way for whom.
#include <algorithm>
#include <limits>
#include <tuple>

#include "engine/base/check.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {
namespace {

constexpr int kAny = std::numeric_limits<int>::max();
constexpr int kLeastShare = 4;   // prompt tokens: less is not worth a sequence in the step
constexpr int kYieldAgain = 64;  // tokens that who has made way computes before it does so again
constexpr size_t kLookAhead =
    64;  // waiting sequences of a tenant looked at in one step: each look-up reads its whole prompt

bool IsPlanned(const BatchPlan& plan, const Sequence& sequence) {
  return std::any_of(plan.items.begin(), plan.items.end(),
                     [&sequence](const PlanItem& item) { return item.sequence == &sequence; });
}

void SortByPriority(std::vector<Sequence*>& sequences) {
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const Sequence* a, const Sequence* b) { return a->request.priority < b->request.priority; });
}

bool MayYield(const Sequence& s) { return s.yielded_at < 0 || s.num_computed >= s.yielded_at + kYieldAgain; }

int CountOf(TenantId tenant, const std::vector<Sequence*>& sequences) {
  return static_cast<int>(std::count_if(sequences.begin(), sequences.end(),
                                        [tenant](const Sequence* s) { return s->request.tenant == tenant; }));
}

}  // namespace

// The tenant's running sequences that lack more than one token: the most urgent first, then in order of arrival.
std::vector<Sequence*> Scheduler::PromptsOf(TenantId tenant) const {
  std::vector<Sequence*> prompts;
  for (const auto& s : running_) {
    if (s->request.tenant == tenant && s->num_missing() > 1) prompts.push_back(s.get());
  }
  SortByPriority(prompts);
  return prompts;
}

// Its waiting ones that are looked at: the most urgent first, then as they stand in the line.
std::vector<Sequence*> Scheduler::WaitingOf(TenantId tenant) const {
  std::vector<Sequence*> waiting;
  for (const auto& s : waiting_) {
    if (s->request.tenant == tenant) waiting.push_back(s.get());
  }
  SortByPriority(waiting);
  if (waiting.size() > kLookAhead) waiting.resize(kLookAhead);
  return waiting;
}

// Prompt tokens that it could use now, cached ones of waiting prompts included.
int64_t Scheduler::NumWanted(TenantId tenant) const {
  int64_t wanted = 0;
  for (const Line* line : {&running_, &waiting_}) {
    for (const auto& s : *line) {
      const bool decodes = s->is_running && s->num_missing() == 1;
      if (s->request.tenant == tenant && !decodes) wanted += s->num_missing();
    }
  }
  return wanted;
}

int Scheduler::NumPlaces(TenantId tenant) const {
  return static_cast<int>(
      std::count_if(running_.begin(), running_.end(), [tenant](const auto& s) { return s->request.tenant == tenant; }));
}

int Scheduler::NumHeld(TenantId tenant) const {
  size_t held = 0;
  for (const Line* line : {&running_, &waiting_}) {
    for (const auto& s : *line) {
      if (s->request.tenant != tenant) continue;
      held += s->table.blocks().size();
      if (s->load) held += s->load->prefix.size() + s->load->load->blocks().size();
    }
  }
  return static_cast<int>(held);
}

int Scheduler::PartOf(int whole, TenantId tenant) const {
  return std::max(1, static_cast<int>(int64_t{whole} * tenants_.weight(tenant) / tenants_.total_weight()));
}

// The tenants who have prompt tokens to compute: who has had least first.
std::vector<TenantId> Scheduler::WhoWants() const {
  std::vector<TenantId> tenants = tenants_.Present();
  std::erase_if(tenants, [this](TenantId tenant) { return NumWanted(tenant) == 0; });
  return tenants;
}

// budget: of prompt tokens in this step. Where it is too small for all, those share it who have had least. Who wants least is
// planned first, so that what it leaves is there for those who want more.
void Scheduler::PlanShares(BatchPlan& plan, int budget) {
  were_short_of_blocks_ = std::move(short_of_blocks_);
  short_of_blocks_.clear();
  for (const auto& s : waiting_) {
    s->waits = Waits::kTurn;
    s->waits_for.reset();
  }
  const std::vector<TenantId> tenants = WhoWants();
  const size_t most = static_cast<size_t>(std::max(1, budget / kLeastShare));
  std::vector<TenantId> sharing(tenants.begin(),
                                tenants.begin() + static_cast<std::ptrdiff_t>(std::min(most, tenants.size())));
  std::stable_sort(sharing.begin(), sharing.end(), [this](TenantId a, TenantId b) {
    return NumWanted(a) * tenants_.weight(b) < NumWanted(b) * tenants_.weight(a);
  });
  int64_t weight_left = 0;
  for (const TenantId tenant : sharing) weight_left += tenants_.weight(tenant);
  for (const TenantId tenant : sharing) {
    const int64_t rest = budget - plan.num_prompt_tokens, weight = tenants_.weight(tenant);
    PlanTenant(plan, tenant, static_cast<int>((rest * weight + weight_left - 1) / weight_left));
    weight_left -= weight;
  }
  if (tenants.size() > 1) PlanRest(plan, tenants, budget);
}

// What is left when somebody could not use its share, because it waits for something else than rows.
void Scheduler::PlanRest(BatchPlan& plan, const std::vector<TenantId>& tenants, int budget) {
  for (const TenantId tenant : tenants) {
    for (Sequence* s : PromptsOf(tenant)) {
      if (s->is_running && plan.num_prompt_tokens < budget) ExtendChunk(plan, *s, budget - plan.num_prompt_tokens);
    }
    AdmitWaiting(plan, tenant, {budget, kAny, kAny});
  }
}

void Scheduler::PlanTenant(BatchPlan& plan, TenantId tenant, int share) {
  const int limit = plan.num_prompt_tokens + share;
  const std::vector<Sequence*> prompts = PromptsOf(tenant);
  if (!prompts.empty()) AdmitWaiting(plan, tenant, {limit, kAny, prompts.front()->request.priority - 1});
  PlanShorterPrompts(plan, tenant, plan.num_prompt_tokens + (limit - plan.num_prompt_tokens) / 2);
  PlanPrompts(plan, tenant, limit);
  AdmitWaiting(plan, tenant, {limit, kAny, kAny});
}

// Shorter than the oldest of the most urgent ones, and as urgent.
void Scheduler::PlanShorterPrompts(BatchPlan& plan, TenantId tenant, int limit) {
  std::vector<Sequence*> prompts = PromptsOf(tenant);
  if (prompts.empty()) return;
  const int oldest_missing = prompts.front()->num_missing();
  const int priority = prompts.front()->request.priority;
  std::erase_if(
      prompts, [&](const Sequence* s) { return s->request.priority > priority || s->num_missing() >= oldest_missing; });
  std::stable_sort(prompts.begin(), prompts.end(),
                   [](const Sequence* a, const Sequence* b) { return a->num_missing() < b->num_missing(); });
  for (Sequence* s : prompts) {
    AdmitWaiting(plan, tenant, {limit, s->num_missing(), priority});
    if (s->is_running && !IsPlanned(plan, *s)) PlanChunk(plan, *s, limit - plan.num_prompt_tokens);
  }
  AdmitWaiting(plan, tenant, {limit, oldest_missing, priority});
}

void Scheduler::PlanPrompts(BatchPlan& plan, TenantId tenant, int limit) {
  for (Sequence* s : PromptsOf(tenant)) {  // one that comes later may have been preempted on the way
    if (s->is_running && !IsPlanned(plan, *s)) PlanChunk(plan, *s, limit - plan.num_prompt_tokens);
  }
}

// Who lacks blocks longest is not overtaken for good: of the tenants that were short of them, the one that has been served
// least lets only those pass who stay within their own part, and nobody any more who has had a whole cache of rows more.
bool Scheduler::MayOvertake(const Sequence& s) const {
  const TenantId own = s.request.tenant;
  std::optional<TenantId> first;
  for (const TenantId tenant : were_short_of_blocks_) {
    if (tenant != own && WaitingOf(tenant).empty()) continue;
    if (!first || tenants_.served(tenant) < tenants_.served(*first)) first = tenant;
  }
  if (!first || *first == own || tenants_.served(own) <= tenants_.served(*first)) return true;
  const double cache = static_cast<double>(options_.num_blocks) * kBlockSize;
  if (tenants_.served(own) >= tenants_.served(*first) + cache) return false;
  return NumHeld(own) + BlockTable::BlocksFor(s.num_tokens()) <= PartOf(options_.num_blocks, own);
}

// Makes a place and blocks for a sequence that waits, of loads and running sequences that have more than their part; of none
// where that is not enough. Gives what is lacking; nothing: it can come in.
std::optional<Waits> Scheduler::MakeWay(BatchPlan& plan, Sequence& s, const PrefixMatch& match) {
  if (!MayOvertake(s)) return Waits::kTurn;
  EndLoadsFor(s, match);
  std::vector<Sequence*> yielding;
  int lacking = NumLacking(s, match);
  for (;;) {
    const bool lacks_place = num_running() - static_cast<int>(yielding.size()) >= options_.max_num_seqs;
    if (!lacks_place && lacking <= 0) break;
    Sequence* found = FindYielding(s, !lacks_place, yielding);
    if (found == nullptr) return lacks_place ? Waits::kPlace : Waits::kBlocks;
    yielding.push_back(found);
    lacking -= BlockTable::BlocksFor(found->num_tokens()) + 1;
  }
  for (Sequence* found : yielding) {
    found->yielded_at = found->num_computed;
    Preempt(plan, *found);
  }
  if (NumLacking(s, match) > 0) return Waits::kBlocks;  // some of theirs are shared
  return std::nullopt;
}

void Scheduler::EndLoadsFor(const Sequence& s, const PrefixMatch& match) {
  const TenantId own = s.request.tenant;
  const int needed = BlockTable::BlocksFor(s.num_tokens());
  for (const auto& other : waiting_) {
    if (NumLacking(s, match) <= 0 || NumHeld(own) + needed > PartOf(options_.num_blocks, own)) return;
    const TenantId tenant = other->request.tenant;
    if (other->load && tenant != own && NumHeld(tenant) > PartOf(options_.num_blocks, tenant)) EndLoad(*other);
  }
}

// The running sequence, not yet among `found`, that makes way: a less urgent one of the same tenant, or one of a tenant that has
// more than its part, while s's own has less and would have no more with s. Null: there is none.
Sequence* Scheduler::FindYielding(const Sequence& s, bool for_blocks, const std::vector<Sequence*>& found) const {
  const int whole = for_blocks ? options_.num_blocks : options_.max_num_seqs;
  const auto count = [&](TenantId tenant) {
    if (!for_blocks) return NumPlaces(tenant) - CountOf(tenant, found);
    int held = NumHeld(tenant);
    for (const Sequence* other : found) {
      if (other->request.tenant == tenant) held -= static_cast<int>(other->table.blocks().size());
    }
    return held;
  };
  const TenantId own = s.request.tenant;
  const bool within_part = count(own) + (for_blocks ? BlockTable::BlocksFor(s.num_tokens()) : 1) <= PartOf(whole, own);
  Sequence* best = nullptr;
  std::tuple<int, int, uint64_t> best_rank;
  for (const auto& other : running_) {
    if (!MayYield(*other) || std::find(found.begin(), found.end(), other.get()) != found.end()) continue;
    const int has = count(other->request.tenant);
    const bool less_urgent = other->request.tenant == own && other->request.priority > s.request.priority;
    const bool has_more = other->request.tenant != own && within_part && has > PartOf(whole, other->request.tenant);
    const std::tuple<int, int, uint64_t> rank(has, other->request.priority, other->arrival);
    if ((!less_urgent && !has_more) || (best != nullptr && rank < best_rank)) continue;
    best = other.get();
    best_rank = rank;
  }
  return best;
}

// Never the oldest, which is alone when nobody is left to give it blocks.
Sequence& Scheduler::LoserOfBlocks() const {
  Sequence* loser = nullptr;
  std::tuple<int, int, uint64_t> most;
  for (size_t i = 1; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    const std::tuple<int, int, uint64_t> rank(NumHeld(s.request.tenant), s.request.priority, s.arrival);
    if (loser != nullptr && rank < most) continue;
    loser = &s;
    most = rank;
  }
  PUNA_CHECK(loser != nullptr) << num_running() << " running, " << pool_.num_free() << " blocks free";
  return *loser;
}

}  // namespace puna::engine
