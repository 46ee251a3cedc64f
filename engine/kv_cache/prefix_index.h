// PrefixIndex: what the blocks of the cache contain, findable by content. Full blocks are found by their chained hash,
// and their ids are compared as well; the children of a block (what followed it) are listed, so that the child that
// shares the longest beginning with some ids is found too, full or not. Knows nothing of who holds a block.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_hash.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

class PrefixIndex {
 public:
  explicit PrefixIndex(int num_blocks) : entries_(num_blocks) {}

  // Enters what `block` contains: `ids` behind `parent`. A full block has its own `hash`; there must be no other of
  // that name. When there is no memory for it, nothing has changed.
  void AddFull(BlockId block, const BlockHash& parent, const BlockHash& hash, std::span<const TokenId> ids);
  void AddPartial(BlockId block, const BlockHash& parent, std::span<const TokenId> ids);
  void Remove(BlockId block);

  bool ContainsHash(const BlockHash& hash) const { return by_hash_.contains(hash); }
  bool Contains(BlockId block) const { return entries_[block].num_tokens > 0; }
  int num_tokens(BlockId block) const { return entries_[block].num_tokens; }
  const BlockHash& hash(BlockId block) const { return entries_[block].hash; }  // of one that is not full: zero

  // The full block of this name and these ids; kNoBlock when there is none.
  BlockId FindFull(const BlockHash& hash, std::span<const TokenId> ids) const;

  struct Common {
    BlockId block = kNoBlock;
    int num_tokens = 0;
  };
  // The child of `parent` that begins with most of `ids`; the one entered last among equals.
  Common FindLongest(const BlockHash& parent, std::span<const TokenId> ids) const;

  // How some ids go on otherwise than what followed `parent` before.
  struct Difference {
    int num_common = 0;
    std::vector<TokenId> before;  // what stands in the child behind what is common: one id at least
  };
  // Of the child that has most in common with `ids`, the one entered last among equals; none where no child goes on otherwise.
  std::optional<Difference> FindDifference(const BlockHash& parent, std::span<const TokenId> ids) const;

  // The children of `parent` that are not full and contain nothing that `ids` does not begin with.
  std::vector<BlockId> FindCovered(const BlockHash& parent, std::span<const TokenId> ids) const;

  // Whether nothing in the index follows this block.
  bool IsLeaf(BlockId block) const;

  // What is inconsistent, in words; empty when nothing is.
  std::string FindFault() const;

 private:
  struct Entry {
    int num_tokens = 0;  // 0: not in the index
    BlockHash parent, hash;
    std::array<TokenId, kBlockSize> ids{};
    BlockId previous = kNoBlock;  // siblings
    BlockId next = kNoBlock;
  };
  void Link(BlockId block, const BlockHash& parent, std::span<const TokenId> ids);
  BlockId FirstChild(const BlockHash& parent) const;

  std::vector<Entry> entries_;  // by block
  std::unordered_map<BlockHash, BlockId, BlockHashHasher> by_hash_;
  std::unordered_map<BlockHash, BlockId, BlockHashHasher> first_child_;  // by the parent's hash
};

}  // namespace puna::engine
