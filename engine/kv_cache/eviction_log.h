// EvictionLog: which contents of the cache were given up for others, and when; for pictures of the cache, and to say why a prompt
// was not found. Bounded: of full blocks it remembers the names that were given up last, four for each block of the pool at best.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/kv_cache/block_hash.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

class EvictionLog {
 public:
  explicit EvictionLog(int num_blocks)
      : last_(num_blocks), names_(std::bit_ceil(4 * static_cast<uint64_t>(num_blocks))) {}

  // The content of `block` has been given up. name: of a full block; kRootHash: it was not full.
  void Note(BlockId block, const BlockHash& name) {
    last_[block] = ++count_;
    if (name != kRootHash) Place(name) = name.low;
  }

  uint64_t count() const { return count_; }
  uint64_t last(BlockId block) const { return last_[block]; }  // the number of its last one, from 1; 0: there was none
  // Whether the full block of this name was given up; a long time ago counts as never.
  bool Remembers(const BlockHash& name) const { return names_[name.low & (names_.size() - 1)] == name.low; }

 private:
  // Names are as good as random: where two share a place, the later one has it.
  uint64_t& Place(const BlockHash& name) { return names_[name.low & (names_.size() - 1)]; }

  uint64_t count_ = 0;
  std::vector<uint64_t> last_;   // by block
  std::vector<uint64_t> names_;  // the lower halves
};

}  // namespace puna::engine
