// KvLoad: a run of blocks on its way from a slower tier into blocks of the pool, which nobody else can see yet. Shared by
// the engine's thread, which waits for it, and the tier's, which fills it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/base/token_id.h"
#include "engine/kv_cache/block_hash.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

// A full block by its name, and the ids that must stand in it.
struct BlockName {
  BlockHash hash;
  std::array<TokenId, kBlockSize> ids{};
};

class KvLoad {
 public:
  using Clock = std::chrono::steady_clock;
  // When a tier last gave a sign of life, in the clock's ticks; shared by all its loads, which wait for each other.
  using Beat = std::atomic<Clock::rep>;

  // A tier that gives no sign of life for so long is not waited for.
  static constexpr std::chrono::milliseconds kPatience{2000};

  // Block i is to become names[i].
  KvLoad(std::vector<BlockName> names, std::vector<BlockId> blocks, std::shared_ptr<const Beat> beat);

  const std::vector<BlockName>& names() const { return names_; }
  const std::vector<BlockId>& blocks() const { return blocks_; }

  // --- the engine's thread

  // Nothing more will come, or it is not worth waiting for.
  bool ended() const;

  // Nothing is written into the blocks any more once this returns; it waits for one copy in memory, never for a disk.
  void Cancel();

  // So many of the blocks, from the first on, are filled.
  int num_loaded() const;

  // --- the tier's thread

  // Runs fill(block) for the next block. False, and nothing is run: the load was cancelled.
  bool Fill(const std::function<void(BlockId)>& fill);
  void End();
  bool cancelled() const;

 private:
  const std::vector<BlockName> names_;
  const std::vector<BlockId> blocks_;
  const std::shared_ptr<const Beat> beat_;
  const Clock::time_point begun_ = Clock::now();
  mutable Mutex mutex_;
  int num_loaded_ PUNA_GUARDED_BY(mutex_) = 0;
  bool ended_ PUNA_GUARDED_BY(mutex_) = false;
  bool cancelled_ PUNA_GUARDED_BY(mutex_) = false;
};

}  // namespace puna::engine
