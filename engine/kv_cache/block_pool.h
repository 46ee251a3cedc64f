// BlockPool: who has which block of the KV cache. Ids only; the memory is the model's.
//
// A block is held (by one sequence or, as a shared prefix, by several), or it is free. A free block may still be
// cached: its content stays findable until the block is given to somebody else. Free blocks are given out in this
// order:
//   1. blocks without content, the one let go of last first;
//   2. cached blocks on probation, least recently let go of first;
//   3. cached blocks that are protected, least recently let go of first.
// A sequence lets go of its tail before its head, so that the part that others may share stays longest.
//
// Protection keeps one-shot traffic from pushing out conversations that come back (a segmented LRU): blocks start on
// probation; a block is protected once it has been found again after its last holder had let go of it, and so are the
// blocks that a sequence writes behind a cached text that it continued at its very end (the next turn of a
// conversation; a request that merely shares a system prompt branches off in the middle). Protected blocks fill at most
// three quarters of the pool: beyond that the least recent ones go back on probation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_hash.h"
#include "engine/kv_cache/block_id.h"
#include "engine/kv_cache/block_list.h"
#include "engine/kv_cache/block_use.h"
#include "engine/kv_cache/eviction_log.h"
#include "engine/kv_cache/prefix_index.h"

namespace puna::engine {

// The cached beginning of some ids: whole blocks to share and, behind them, a block whose first tokens are to be
// copied.
struct PrefixMatch {
  std::vector<BlockId> blocks;
  BlockId partial = kNoBlock;
  int partial_tokens = 0;
  bool to_the_end = false;  // it runs to the end of what is cached, and nobody holds that end: a conversation goes on

  int num_tokens() const { return static_cast<int>(blocks.size()) * kBlockSize + partial_tokens; }
};

class BlockPool {
 public:
  // Without prefix caching nothing is ever found, and contents are forgotten at once. hash_key: of the names; none: a
  // random one.
  BlockPool(int num_blocks, bool prefix_caching, const std::optional<HashKey>& hash_key = std::nullopt);
  BlockPool(const BlockPool&) = delete;

  int num_blocks() const { return static_cast<int>(holders_.size()); }
  int num_free() const { return free_.size() + num_cached(); }  // cached ones included
  int num_cached() const { return probation_.size() + protected_.size(); }
  int num_held() const { return num_blocks() - num_free(); }
  // How many of its leading positions hold entries of the draft model, too: none in a block that was just given out.
  int num_drafted(BlockId block) const { return num_drafted_[block]; }
  void SetDrafted(BlockId block, int positions) { num_drafted_[block] = static_cast<uint8_t>(positions); }
  bool is_free(BlockId block) const { return holders_[block] == 0; }
  BlockUse use(BlockId block) const;  // never kWritten: who writes is the scheduler's business
  bool prefix_caching() const { return prefix_caching_; }
  const EvictionLog& evictions() const { return evictions_; }
  const HashKey& hash_key() const { return hash_key_; }

  // A block with one holder and no content. There must be a free one.
  BlockId Allocate();

  // The longest cached beginning of `ids`, at most max_tokens long. hashes: of the full blocks of `ids`, as far as they
  // are shorter than max_tokens at least; root: the parent of the first. Nothing changes hands: Hold the blocks before
  // anything else is allocated.
  PrefixMatch FindPrefix(std::span<const TokenId> ids, std::span<const BlockHash> hashes, int max_tokens,
                         const BlockHash& root = kRootHash) const;

  // The cached block of this name and these ids; kNoBlock when there is none.
  BlockId FindFull(const BlockHash& hash, std::span<const TokenId> ids) const { return index_.FindFull(hash, ids); }

  // How `ids` go on otherwise than what is cached behind `parent`; none: nothing there does.
  std::optional<PrefixIndex::Difference> FindDifference(const BlockHash& parent, std::span<const TokenId> ids) const {
    return index_.FindDifference(parent, ids);
  }

  // One more holder for each block of the match, the one to copy from included.
  void Hold(const PrefixMatch& match);

  // One holder less for each; blocks in the order of their sequence. keep: protect them (the sequence continued a
  // conversation).
  void Release(std::span<const BlockId> blocks, bool keep);

  // Says what a block contains, now that it is full: `ids` behind `parent`, called `hash`. If another block has that
  // content already, the caller's hold moves to it and the given block is let go of. Returns the block that the caller
  // now holds.
  BlockId Publish(BlockId block, const BlockHash& parent, const BlockHash& hash, std::span<const TokenId> ids);

  // The same for the last block of a sequence that is about to let go of it, when it is not full.
  void PublishPartial(BlockId block, const BlockHash& parent, std::span<const TokenId> ids);

  // Compares the books with who holds what (holders per block, counted by the caller). What is wrong, in words; or
  // empty.
  std::string FindFault(std::span<const int> holders) const;

 private:
  void HoldOne(BlockId block);
  void ReleaseOne(BlockId block);
  void DropCovered(const BlockHash& parent, std::span<const TokenId> ids);

  const bool prefix_caching_;
  const HashKey hash_key_;
  std::vector<int> holders_;           // by block
  std::vector<uint8_t> num_drafted_;   // by block
  std::vector<uint8_t> is_protected_;  // by block; of those held: will be, when they are let go of
  std::vector<BlockLinks> links_;
  BlockList free_{links_};       // without content
  BlockList probation_{links_};  // cached; the next to go first
  BlockList protected_{links_};
  PrefixIndex index_;
  EvictionLog evictions_;
};

}  // namespace puna::engine
