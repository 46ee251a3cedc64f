// DiskCache: the tier on disk. Two threads of its own, one that writes and looks, one that reads; the engine's thread only
// hands over and asks. A disk that is slow, full, read-only or hangs costs warmth and nothing else: no call waits for it,
// and neither does the end of the process.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/kv_cache/kv_tier.h"
#include "engine/kv_disk/disk_folder.h"
#include "engine/kv_disk/disk_stats.h"

namespace puna::engine {

struct DiskCacheOptions {
  std::shared_ptr<DiskFolder> folder;
  int64_t limit_bytes = 0;  // of the folder's files
  int64_t block_bytes = 0;
  std::string label;  // what people call the model; empty: nothing is noted
  // Everything that the bytes of a block depend on beside its ids. Called once, on the cache's thread; may take seconds,
  // and returns early, with anything, once `stop` is set.
  std::function<std::string(const std::atomic<bool>& stop)> content;
  // Called in Load, before the blocks are written by another thread.
  std::function<void(std::span<const BlockId>)> prepare;
  // Writes a block of the pool's memory: [block_bytes]. On the cache's thread.
  std::function<void(BlockId, std::span<const uint8_t>)> write_block;
  std::function<void()> wake;                      // a load has ended, or there is room again
  std::function<void(const std::string&)> report;  // a line for people
};

class DiskCache final : public KvTier {
 public:
  // How long a first request waits for what lies on the disk to be known.
  static constexpr std::chrono::seconds kOpening{5};
  // How often the folder is looked at.
  static constexpr std::chrono::seconds kLookEvery{1};

  explicit DiskCache(DiskCacheOptions options);
  ~DiskCache() override;  // waits for the disk for a moment; then without it

  // --- the engine's thread

  bool opening() const override;
  bool Contains(const BlockHash& hash) const override;
  int CountFound(std::span<const BlockHash> hashes) const override;
  std::shared_ptr<KvLoad> Load(std::vector<BlockName> names, std::vector<BlockId> blocks) override;

  // Whether Write has a buffer.
  bool HasRoom() const;
  // fill(bytes) copies the block into a buffer, which is written when the disk can. There is room.
  void Write(const BlockName& name, const std::function<void(std::span<uint8_t>)>& fill);
  // Until then, what was given to Write has reached the disk; false when it has not, or the disk gives no sign of life.
  bool Flush(std::chrono::steady_clock::time_point until);

  DiskStats stats() const;  // any thread

  // Memory that it takes.
  static int64_t BufferBytes(int64_t block_bytes, int64_t limit_bytes);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace puna::engine
