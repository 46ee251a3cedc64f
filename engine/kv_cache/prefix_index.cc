#include "engine/kv_cache/prefix_index.h"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

int CommonLength(std::span<const TokenId> a, std::span<const TokenId> b) {
  const size_t limit = std::min(a.size(), b.size());
  return static_cast<int>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(limit), b.begin()).first -
                          a.begin());
}

}  // namespace

void PrefixIndex::AddFull(BlockId block, const BlockHash& parent, const BlockHash& hash, std::span<const TokenId> ids) {
  PUNA_CHECK(ids.size() == kBlockSize) << ids.size();
  const auto [place, is_new] = by_hash_.emplace(hash, block);
  PUNA_CHECK(is_new) << "two blocks of one content, " << block;
  try {
    Link(block, parent, ids);
  } catch (const std::bad_alloc&) {
    by_hash_.erase(place);
    throw;
  }
  entries_[block].hash = hash;
}

void PrefixIndex::AddPartial(BlockId block, const BlockHash& parent, std::span<const TokenId> ids) {
  PUNA_CHECK(!ids.empty() && ids.size() < kBlockSize) << ids.size();
  Link(block, parent, ids);
}

void PrefixIndex::Link(BlockId block, const BlockHash& parent, std::span<const TokenId> ids) {
  PUNA_CHECK(!Contains(block)) << block;
  BlockId& first = first_child_.try_emplace(parent, kNoBlock).first->second;  // what may fail comes first
  Entry& entry = entries_[block];
  entry.num_tokens = static_cast<int>(ids.size());
  entry.parent = parent;
  std::copy(ids.begin(), ids.end(), entry.ids.begin());
  entry.previous = kNoBlock;
  entry.next = std::exchange(first, block);
  if (entry.next != kNoBlock) entries_[entry.next].previous = block;
}

void PrefixIndex::Remove(BlockId block) {
  PUNA_CHECK(Contains(block)) << block;
  const Entry entry = entries_[block];
  if (entry.num_tokens == kBlockSize) by_hash_.erase(entry.hash);
  if (entry.next != kNoBlock) entries_[entry.next].previous = entry.previous;
  if (entry.previous != kNoBlock) {
    entries_[entry.previous].next = entry.next;
  } else if (entry.next != kNoBlock) {
    first_child_[entry.parent] = entry.next;
  } else {
    first_child_.erase(entry.parent);
  }
  entries_[block] = {};
}

BlockId PrefixIndex::FindFull(const BlockHash& hash, std::span<const TokenId> ids) const {
  const auto it = by_hash_.find(hash);
  if (it == by_hash_.end()) return kNoBlock;
  return CommonLength(entries_[it->second].ids, ids) == kBlockSize ? it->second : kNoBlock;
}

PrefixIndex::Common PrefixIndex::FindLongest(const BlockHash& parent, std::span<const TokenId> ids) const {
  Common best;
  for (BlockId block = FirstChild(parent); block != kNoBlock; block = entries_[block].next) {
    const Entry& entry = entries_[block];
    const int common = CommonLength(std::span(entry.ids).first(entry.num_tokens), ids);
    if (common > best.num_tokens) best = {block, common};
  }
  return best;
}

std::optional<PrefixIndex::Difference> PrefixIndex::FindDifference(const BlockHash& parent,
                                                                   std::span<const TokenId> ids) const {
  std::optional<Difference> best;
  for (BlockId block = FirstChild(parent); block != kNoBlock; block = entries_[block].next) {
    const auto there = std::span(entries_[block].ids).first(entries_[block].num_tokens);
    const int common = CommonLength(there, ids);
    const bool differs = common < std::ssize(there) && common < std::ssize(ids);
    if (!differs || (best && common <= best->num_common)) continue;
    best = Difference{common, {there.begin() + common, there.end()}};
  }
  return best;
}

std::vector<BlockId> PrefixIndex::FindCovered(const BlockHash& parent, std::span<const TokenId> ids) const {
  std::vector<BlockId> covered;
  for (BlockId block = FirstChild(parent); block != kNoBlock; block = entries_[block].next) {
    const Entry& entry = entries_[block];
    if (entry.num_tokens == kBlockSize) continue;
    if (CommonLength(std::span(entry.ids).first(entry.num_tokens), ids) == entry.num_tokens) covered.push_back(block);
  }
  return covered;
}

bool PrefixIndex::IsLeaf(BlockId block) const {
  return entries_[block].num_tokens < kBlockSize || FirstChild(entries_[block].hash) == kNoBlock;
}

BlockId PrefixIndex::FirstChild(const BlockHash& parent) const {
  const auto it = first_child_.find(parent);
  return it == first_child_.end() ? kNoBlock : it->second;
}

std::string PrefixIndex::FindFault() const {
  size_t num_entries = 0, num_full = 0, num_children = 0;
  for (BlockId block = 0; block < static_cast<BlockId>(entries_.size()); ++block) {
    const Entry& entry = entries_[block];
    if (entry.num_tokens == 0) continue;
    ++num_entries;
    if (entry.num_tokens < kBlockSize) continue;
    ++num_full;
    const auto it = by_hash_.find(entry.hash);
    if (it == by_hash_.end() || it->second != block) return "block " + std::to_string(block) + " is not under its hash";
  }
  if (num_full != by_hash_.size()) return "a hash names a block that is not in the index";
  for (const auto& [parent, first] : first_child_) {
    BlockId previous = kNoBlock;
    for (BlockId block = first; block != kNoBlock; previous = block, block = entries_[block].next) {
      const Entry& entry = entries_[block];
      if (entry.num_tokens == 0 || !(entry.parent == parent) || entry.previous != previous) {
        return "block " + std::to_string(block) + " is in the wrong list of children";
      }
      if (++num_children > num_entries) return "a list of children runs in a circle";
    }
  }
  return num_children == num_entries ? "" : "a block is in no list of children";
}

}  // namespace puna::engine
