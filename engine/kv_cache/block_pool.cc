#include "engine/kv_cache/block_pool.h"

#include <algorithm>

#include "engine/base/check.h"

namespace puna::engine {

BlockPool::BlockPool(int num_blocks, bool prefix_caching, const std::optional<HashKey>& hash_key)
    : prefix_caching_(prefix_caching),
      hash_key_(hash_key ? *hash_key : RandomHashKey()),
      holders_(num_blocks),
      num_drafted_(num_blocks),
      is_protected_(num_blocks),
      links_(num_blocks),
      index_(num_blocks),
      evictions_(num_blocks) {
  for (BlockId block = 0; block < num_blocks; ++block) free_.PushBack(block);
}

BlockUse BlockPool::use(BlockId block) const {
  if (holders_[block] > 0) return holders_[block] > 1 ? BlockUse::kShared : BlockUse::kHeld;
  if (!index_.Contains(block)) return BlockUse::kEmpty;
  return is_protected_[block] ? BlockUse::kProtected : BlockUse::kProbation;
}

BlockId BlockPool::Allocate() {
  PUNA_CHECK(num_free() > 0) << "all " << num_blocks() << " blocks are held";
  BlockList& from = !free_.empty() ? free_ : !probation_.empty() ? probation_ : protected_;
  const BlockId block = from.PopFront();
  if (index_.Contains(block)) {
    evictions_.Note(block, index_.hash(block));
    index_.Remove(block);
  }
  is_protected_[block] = false;
  num_drafted_[block] = 0;
  holders_[block] = 1;
  return block;
}

PrefixMatch BlockPool::FindPrefix(std::span<const TokenId> ids, std::span<const BlockHash> hashes, int max_tokens,
                                  const BlockHash& root) const {
  PrefixMatch match;
  if (!prefix_caching_ || max_tokens <= 0) return match;
  int matched = 0;
  while (matched + kBlockSize <= max_tokens) {
    const BlockId block = index_.FindFull(hashes[matched / kBlockSize], ids.subspan(matched, kBlockSize));
    if (block == kNoBlock) break;
    match.blocks.push_back(block);
    matched += kBlockSize;
  }
  const BlockHash& parent = matched > 0 ? hashes[matched / kBlockSize - 1] : root;
  const auto rest = index_.FindLongest(parent, ids.subspan(matched, std::min(kBlockSize, max_tokens - matched)));
  match.partial = rest.block;
  match.partial_tokens = rest.num_tokens;

  if (match.num_tokens() == 0) return match;
  const BlockId last = rest.block != kNoBlock ? rest.block : match.blocks.back();
  const bool whole = rest.block == kNoBlock || rest.num_tokens == index_.num_tokens(rest.block);
  match.to_the_end = whole && index_.IsLeaf(last) && is_free(last);
  return match;
}

void BlockPool::Hold(const PrefixMatch& match) {
  bool came_back = false;  // from the tail on: what stands before a protected block is protected as well
  for (auto block = match.blocks.rbegin(); block != match.blocks.rend(); ++block) {
    came_back = came_back || is_free(*block);
    HoldOne(*block);
    if (came_back) is_protected_[*block] = true;
  }
  if (match.partial != kNoBlock) HoldOne(match.partial);
}

void BlockPool::HoldOne(BlockId block) {
  PUNA_CHECK(index_.Contains(block)) << "block " << block << " has no content to share";
  if (holders_[block]++ == 0) (is_protected_[block] ? protected_ : probation_).Remove(block);
}

void BlockPool::Release(std::span<const BlockId> blocks, bool keep) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if (keep) is_protected_[*block] = true;
    ReleaseOne(*block);
  }
  while (protected_.size() > num_blocks() / 4 * 3) {
    const BlockId block = protected_.PopFront();
    is_protected_[block] = false;
    probation_.PushBack(block);
  }
}

void BlockPool::ReleaseOne(BlockId block) {
  PUNA_CHECK(holders_[block] > 0) << "block " << block << " is let go of twice";
  if (--holders_[block] > 0) return;
  if (!index_.Contains(block)) {
    is_protected_[block] = false;
    free_.PushFront(block);
  } else {
    (is_protected_[block] ? protected_ : probation_).PushBack(block);
  }
}

BlockId BlockPool::Publish(BlockId block, const BlockHash& parent, const BlockHash& hash,
                           std::span<const TokenId> ids) {
  PUNA_CHECK(holders_[block] == 1) << "block " << block << " has " << holders_[block] << " holders";
  if (!prefix_caching_) return block;
  const BlockId same = index_.FindFull(hash, ids);
  if (same != kNoBlock) {
    HoldOne(same);
    ReleaseOne(block);
    return same;
  }
  if (index_.ContainsHash(hash)) return block;  // other ids of the same name: stays out of the index
  DropCovered(parent, ids);
  index_.AddFull(block, parent, hash, ids);
  return block;
}

void BlockPool::PublishPartial(BlockId block, const BlockHash& parent, std::span<const TokenId> ids) {
  PUNA_CHECK(holders_[block] == 1) << "block " << block << " has " << holders_[block] << " holders";
  if (!prefix_caching_ || ids.empty()) return;
  if (index_.FindLongest(parent, ids).num_tokens == static_cast<int>(ids.size())) return;  // cached already
  DropCovered(parent, ids);
  index_.AddPartial(block, parent, ids);
}

// Free blocks whose content is the beginning of these ids are of no more use.
void BlockPool::DropCovered(const BlockHash& parent, std::span<const TokenId> ids) {
  for (const BlockId block : index_.FindCovered(parent, ids)) {
    if (!is_free(block)) continue;
    (is_protected_[block] ? protected_ : probation_).Remove(block);
    is_protected_[block] = false;
    index_.Remove(block);
    free_.PushFront(block);
  }
}

std::string BlockPool::FindFault(std::span<const int> holders) const {
  std::vector<int> listed(holders_.size());
  for (const BlockList* list : {&free_, &probation_, &protected_}) {
    int size = 0;
    for (BlockId block = list->first(); block != kNoBlock; block = list->next(block)) {
      if (++size > list->size()) return "a list is longer than its size";
      if (++listed[block] > 1) return "block " + std::to_string(block) + " is listed twice";
      if (index_.Contains(block) != (list != &free_)) return "block " + std::to_string(block) + " is in the wrong list";
      if (is_protected_[block] != (list == &protected_)) return "block " + std::to_string(block) + " is wrongly marked";
    }
    if (size != list->size()) return "a list is shorter than its size";
  }
  for (size_t block = 0; block < holders_.size(); ++block) {
    if (holders_[block] != holders[block]) {
      return "block " + std::to_string(block) + " is said to have " + std::to_string(holders_[block]) +
             " holders and has " + std::to_string(holders[block]);
    }
    if ((holders_[block] == 0) != (listed[block] == 1)) return "block " + std::to_string(block) + " is lost";
  }
  return index_.FindFault();
}

}  // namespace puna::engine
