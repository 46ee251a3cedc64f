// The scheduler's traffic with the tier below the pool.
#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/check.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {
namespace {

BlockName NameOf(const Sequence& s, int block) {
  BlockName name{s.table.hashes()[block], {}};
  std::copy_n(s.tokens.begin() + std::ptrdiff_t{block} * kBlockSize, kBlockSize, name.ids.begin());
  return name;
}

}  // namespace

int Scheduler::NumLoads() const {
  return static_cast<int>(std::count_if(waiting_.begin(), waiting_.end(), [](const auto& s) { return !!s->load; }));
}

// How many blocks the tier has behind the match, as far as the sequence may use them.
int Scheduler::CountInTier(const Sequence& s, const PrefixMatch& match) const {
  const auto hashes = s.table.hashes();
  const size_t first = match.blocks.size();
  const size_t end = std::min(hashes.size(), static_cast<size_t>(std::max(0, s.max_reuse())) / kBlockSize);
  return first < end ? options_.tier->CountFound(hashes.subspan(first, end - first)) : 0;
}

// Asks the tier for each that waits, in the order of admission, once; as long as the tier does not know yet, or has enough to
// do, those for whom it may have something wait.
void Scheduler::StartLoads() {
  if (options_.tier == nullptr) return;
  for (const TenantId tenant : tenants_.Present()) {
    for (Sequence* s : WaitingOf(tenant)) {
      if (!s->load && !s->asked_tier) AskTier(*s);
    }
  }
}

void Scheduler::AskTier(Sequence& s) {
  const PrefixMatch match = s.table.FindPrefix(s.tokens, s.max_reuse());
  if (FindComputing(s, match) != nullptr || IsBeingLoaded(s, match)) return;
  const bool may_gain = s.max_reuse() - match.num_tokens() >= options_.tier_policy.worth_loading;
  if (may_gain && options_.tier->opening()) return;
  const int found = may_gain ? CountInTier(s, match) : 0;
  if (found * kBlockSize < options_.tier_policy.worth_loading) {
    s.asked_tier = true;
  } else if (NumLoads() < options_.tier_policy.max_loads && NumLacking(s, match) <= 0) {
    s.asked_tier = true;
    StartLoad(s, match, found);
  } else if (FindYielding(s, /*for_blocks=*/true, {}) != nullptr) {
    s.asked_tier = true;  // it comes in at another tenant's cost, and at once
  }
}

void Scheduler::StartLoad(Sequence& s, const PrefixMatch& match, int num_blocks) {
  PrefixMatch whole;
  whole.blocks.reserve(match.blocks.size() + static_cast<size_t>(num_blocks));  // for EndLoad, too
  whole.blocks = match.blocks;
  std::vector<BlockName> names;
  std::vector<BlockId> blocks, taken;
  for (int i = 0; i < num_blocks; ++i) names.push_back(NameOf(s, static_cast<int>(match.blocks.size()) + i));
  blocks.reserve(names.size());
  pool_.Hold(whole);
  while (std::ssize(blocks) < num_blocks) blocks.push_back(pool_.Allocate());
  try {
    taken = blocks;
    std::shared_ptr<KvLoad> load = options_.tier->Load(std::move(names), std::move(blocks));
    s.load = SequenceLoad{std::move(whole.blocks), std::move(load)};
  } catch (const std::bad_alloc&) {
    pool_.Release(taken.empty() ? blocks : taken, false);
    pool_.Release(whole.blocks, false);
    throw;
  }
}

void Scheduler::EndLoads() {
  for (const auto& s : waiting_) {
    if (s->load && s->load->load->ended()) EndLoad(*s);
  }
}

// What has come is cached from now on, as if it had been computed.
void Scheduler::EndLoad(Sequence& s) {
  if (!s.load) return;
  KvLoad& load = *s.load->load;
  load.Cancel();
  std::vector<BlockId>& held = s.load->prefix;  // has room for all
  int num_loaded = load.num_loaded();
  for (int i = 0; i < std::ssize(load.blocks()); ++i) {
    const BlockHash& parent = s.table.Parent(static_cast<int>(held.size()));
    BlockId block = load.blocks()[i];
    const BlockName& name = load.names()[i];
    try {
      if (i < num_loaded) block = pool_.Publish(block, parent, name.hash, name.ids);
    } catch (const std::bad_alloc&) {
      num_loaded = i;  // the rest of it is as if it had not come
    }
    held.push_back(block);
  }
  pool_.Release(held, false);
  if (!s.was_admitted) s.usage.disk_tokens += num_loaded * kBlockSize;
  s.load.reset();
}

// Of the one that came last. False: nobody loads.
bool Scheduler::GiveUpLoad() {
  const auto last = std::find_if(waiting_.rbegin(), waiting_.rend(), [](const auto& s) { return !!s->load; });
  if (last == waiting_.rend()) return false;
  EndLoad(**last);
  return true;
}

// Whether the next block that the sequence would have to compute is on its way for another one.
bool Scheduler::IsBeingLoaded(const Sequence& sequence, const PrefixMatch& match) const {
  const size_t next = match.blocks.size();
  if (static_cast<int>(next + 1) * kBlockSize > sequence.max_reuse() || next >= sequence.table.hashes().size())
    return false;
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
    if (!other->load || other.get() == &sequence) return false;
    const auto& names = other->load->load->names();
    return std::any_of(names.begin(), names.end(),
                       [&](const BlockName& name) { return name.hash == sequence.table.hashes()[next]; });
  });
}

// Names the first num_blocks blocks of the sequence, which are full and published, for the tier. Where the line is full the
// chain ends, and goes on at the next occasion.
void Scheduler::Keep(Sequence& s, int num_blocks) {
  if (options_.tier == nullptr || !options_.prefix_caching) return;
  num_blocks = std::min(num_blocks, s.table.num_named());  // where there was no memory, there are no names
  try {
    for (; s.num_kept < num_blocks; ++s.num_kept) {
      const BlockName name = NameOf(s, s.num_kept);
      if (!options_.tier->Contains(name.hash) && !keep_.Push(name)) return;
    }
  } catch (const std::bad_alloc&) {  // the chain ends here, too
  }
}

// Found again after its last holder had let go: it may well be asked for a third time.
void Scheduler::KeepFound(Sequence& s, const PrefixMatch& match) {
  const bool came_back =
      std::any_of(match.blocks.begin(), match.blocks.end(), [this](BlockId block) { return pool_.is_free(block); });
  if (came_back && match.num_tokens() >= options_.tier_policy.worth_loading)
    Keep(s, static_cast<int>(match.blocks.size()));
}

// For whoever wants to know why a prompt is not found further: at the first admission, before anything of it is cached.
void Scheduler::NoteDifference(Sequence& s, const PrefixMatch& match) {
  if (!s.request.explain_cache || s.was_admitted || match.num_tokens() >= s.max_reuse()) return;
  const auto first = static_cast<int>(match.blocks.size()) * kBlockSize;
  const auto rest = std::span(std::as_const(s.tokens)).subspan(static_cast<size_t>(first));
  const auto difference = pool_.FindDifference(s.table.Parent(static_cast<int>(match.blocks.size())),
                                               rest.first(std::min<size_t>(kBlockSize, rest.size())));
  if (!difference) return;
  s.usage.difference =
      std::make_shared<const CacheDifference>(CacheDifference{first + difference->num_common, difference->before});
}

std::optional<KeptBlock> Scheduler::TakeKept() {
  while (const auto name = keep_.Pop()) {
    const BlockId block = pool_.FindFull(name->hash, name->ids);
    if (block != kNoBlock) return KeptBlock{*name, block};
    ++counts_.lost_blocks;
  }
  return std::nullopt;
}

}  // namespace puna::engine
