// KvTier: a larger and slower home of full blocks, below the pool. Found by the same names; what it gives back is what
// was given to it, or nothing. Called by the engine's thread; nothing here waits for a disk.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/kv_cache/kv_load.h"

namespace puna::engine {

// What goes to a tier: prompts of long_prompt tokens while they are computed, the text of a sequence with worth_keeping of
// them when it ends or is preempted, and what is found again in the pool after its last holder had let go. What comes from
// it: at least worth_loading tokens at a time, for max_loads sequences side by side.
struct TierPolicy {
  int long_prompt = 4096;
  int worth_keeping = 1024;
  int worth_loading = 64;
  int max_loads = 4;
};

class KvTier {
 public:
  virtual ~KvTier() = default;

  // It is about to know what it has, soon enough to wait for.
  virtual bool opening() const = 0;

  virtual bool Contains(const BlockHash& hash) const = 0;

  // How many of these blocks it has, from the first on; 0 while it is not to be asked.
  virtual int CountFound(std::span<const BlockHash> hashes) const = 0;

  // Begins to fill `blocks`, of which the caller is the only holder until the load has ended or is cancelled.
  virtual std::shared_ptr<KvLoad> Load(std::vector<BlockName> names, std::vector<BlockId> blocks) = 0;
};

}  // namespace puna::engine
