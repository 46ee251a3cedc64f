// BlockTable: one sequence's part of the KV cache, position 16 i in blocks()[i], and the names of its full blocks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_hash.h"
#include "engine/kv_cache/block_pool.h"

namespace puna::engine {

// The first num_tokens positions of `from` are to be copied to `to` before the step; `from` is held until that is done.
struct BlockCopy {
  BlockId from = kNoBlock;
  BlockId to = kNoBlock;
  int num_tokens = 0;
};

class BlockTable {
 public:
  // root: the parent of its first block.
  explicit BlockTable(BlockPool& pool, const BlockHash& root = kRootHash) : pool_(pool), root_(root) {}
  BlockTable(const BlockTable&) = delete;

  static int BlocksFor(int positions) { return (positions + kBlockSize - 1) / kBlockSize; }

  std::span<const BlockId> blocks() const { return blocks_; }
  int num_positions() const { return static_cast<int>(blocks_.size()) * kBlockSize; }  // there is room for
  int num_published() const { return num_published_; }  // full blocks, findable by others
  // Leading positions that hold entries of the draft model, too. Nobody writes them for it: a prompt that was found in the
  // cache, or came from the disk, may lack them.
  int num_drafted() const;
  void SetDrafted(int positions);  // the first so many do; at least those that did
  std::span<const BlockHash> hashes() const { return hashes_; }
  int num_named() const { return static_cast<int>(hashes_.size()); }
  const BlockHash& Parent(int block) const { return block > 0 ? hashes_[block - 1] : root_; }

  // The longest cached beginning of `tokens`, at most max_tokens long. Names the full blocks of `tokens` on the way.
  PrefixMatch FindPrefix(std::span<const TokenId> tokens, int max_tokens);

  // Takes the match over into this empty table. The copy is to be made when it ends within a block.
  std::optional<BlockCopy> Adopt(const PrefixMatch& match);

  // Makes room for so many positions. False, and nothing changes, when the pool has too few free blocks.
  bool Grow(int positions);

  // Makes the blocks findable that the first num_computed of `tokens` fill.
  void Publish(std::span<const TokenId> tokens, int num_computed);

  // Lets go of all blocks; what the first num_computed tokens fill stays findable, to the token, as far as there is memory for
  // their names.
  void Free(std::span<const TokenId> tokens, int num_computed);

 private:
  void NameBlocks(std::span<const TokenId> tokens);

  BlockPool& pool_;
  const BlockHash root_;
  std::vector<BlockId> blocks_;
  std::vector<BlockHash> hashes_;
  int num_published_ = 0;
  mutable int num_drafted_blocks_ = 0;  // leading ones that were seen to hold the draft model's entries whole
  bool continues_ = false;              // the sequence goes on where a cached one ended: worth protecting
};

}  // namespace puna::engine
