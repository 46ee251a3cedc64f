// KeepQueue: blocks that are worth writing to the tier below and have not been yet, in order, by name: nobody holds them
// for it, so a queue that moves slowly takes no memory of the pool. A block that the pool has given away meanwhile is lost
// for the tier.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_set>

#include "engine/kv_cache/kv_load.h"

namespace puna::engine {

class KeepQueue {
 public:
  explicit KeepQueue(size_t capacity) : capacity_(capacity) {}

  // False: there is no room. A block that is in the queue is not entered twice.
  bool Push(const BlockName& name);
  std::optional<BlockName> Pop();

  bool empty() const { return names_.empty(); }

 private:
  const size_t capacity_;
  std::deque<BlockName> names_;
  std::unordered_set<BlockHash, BlockHashHasher> queued_;
};

}  // namespace puna::engine
