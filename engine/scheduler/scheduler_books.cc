// Whether what the scheduler believes fits together.
#include <set>
#include <string>
#include <vector>

#include "engine/scheduler/scheduler.h"

namespace puna::engine {

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
  std::set<TenantId> present;
  ForEach([&present](const Sequence& s) { present.insert(s.request.tenant); });
  if (static_cast<int>(present.size()) != tenants_.num_present()) return "tenants are miscounted";
  for (const auto& s : waiting_) {
    if (s->is_running || !s->table.blocks().empty())
      return "sequence " + std::to_string(s->arrival) + " waits with blocks";
    if (!s->load) continue;
    for (const BlockId block : s->load->prefix) ++holders[block];
    for (const BlockId block : s->load->load->blocks()) ++holders[block];
  }
  return pool_.FindFault(holders);
}

// Of a sequence that has not been admitted before.
PrefixMiss Scheduler::WhyMissed(const Sequence& s, const PrefixMatch& match) const {
  if (!options_.prefix_caching || s.max_reuse() < s.num_tokens() - 1) return PrefixMiss::kBarred;
  if (match.num_tokens() >= s.max_reuse()) return PrefixMiss::kNothing;
  const auto hashes = s.table.hashes();
  const size_t next = match.blocks.size();
  if (next < hashes.size() && pool_.evictions().Remembers(hashes[next])) return PrefixMiss::kEvicted;
  if (match.to_the_end) return PrefixMiss::kContinued;
  return match.num_tokens() == 0 ? PrefixMiss::kNew : PrefixMiss::kBranched;
}

}  // namespace puna::engine
