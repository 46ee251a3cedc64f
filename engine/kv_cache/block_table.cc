#include "engine/kv_cache/block_table.h"

#include <algorithm>
#include <new>

#include "engine/base/check.h"

namespace puna::engine {

PrefixMatch BlockTable::FindPrefix(std::span<const TokenId> tokens, int max_tokens) {
  NameBlocks(tokens);
  return pool_.FindPrefix(tokens, hashes_, max_tokens, root_);
}

std::optional<BlockCopy> BlockTable::Adopt(const PrefixMatch& match) {
  PUNA_CHECK(blocks_.empty());
  blocks_.reserve(match.blocks.size() + 1);  // what may fail comes first
  pool_.Hold(match);
  blocks_ = match.blocks;
  num_published_ = static_cast<int>(blocks_.size());
  continues_ = match.to_the_end;
  if (match.partial == kNoBlock) return std::nullopt;
  blocks_.push_back(pool_.Allocate());
  pool_.SetDrafted(blocks_.back(), std::min(pool_.num_drafted(match.partial), match.partial_tokens));
  return BlockCopy{match.partial, blocks_.back(), match.partial_tokens};
}

bool BlockTable::Grow(int positions) {
  const int missing = BlocksFor(positions) - static_cast<int>(blocks_.size());
  if (missing > pool_.num_free()) return false;
  if (missing > 0) blocks_.reserve(std::max(blocks_.size() + static_cast<size_t>(missing), blocks_.capacity()));
  for (int i = 0; i < missing; ++i) blocks_.push_back(pool_.Allocate());
  return true;
}

int BlockTable::num_drafted() const {
  const int num_blocks = static_cast<int>(blocks_.size());
  int& whole = num_drafted_blocks_;  // a block that is held loses none, so each is looked at once
  while (whole < num_blocks && pool_.num_drafted(blocks_[whole]) == kBlockSize) ++whole;
  return whole * kBlockSize + (whole < num_blocks ? pool_.num_drafted(blocks_[whole]) : 0);
}

void BlockTable::SetDrafted(int positions) {
  for (int i = num_drafted() / kBlockSize; i * kBlockSize < positions; ++i)
    pool_.SetDrafted(blocks_[i], std::min(positions - i * kBlockSize, kBlockSize));
}

void BlockTable::Publish(std::span<const TokenId> tokens, int num_computed) {
  const int num_full = num_computed / kBlockSize;
  if (num_full == num_published_) return;
  NameBlocks(tokens.first(static_cast<size_t>(num_full) * kBlockSize));
  for (; num_published_ < num_full; ++num_published_) {
    const int i = num_published_;
    if (!pool_.prefix_caching()) continue;
    blocks_[i] = pool_.Publish(blocks_[i], Parent(i), hashes_[i], tokens.subspan(i * kBlockSize, kBlockSize));
    num_drafted_blocks_ = std::min(num_drafted_blocks_, i);  // it may be another one now, which lacks some
  }
}

void BlockTable::Free(std::span<const TokenId> tokens, int num_computed) {
  try {
    Publish(tokens, num_computed);
    const int first = num_published_ * kBlockSize;
    if (num_computed > first && pool_.prefix_caching())
      pool_.PublishPartial(blocks_[num_published_], Parent(num_published_),
                           tokens.subspan(first, num_computed - first));
  } catch (const std::bad_alloc&) {  // the rest of it is not found again
  }
  pool_.Release(blocks_, continues_);
  blocks_.clear();
  num_published_ = num_drafted_blocks_ = 0;
}

void BlockTable::NameBlocks(std::span<const TokenId> tokens) {
  if (!pool_.prefix_caching()) return;
  for (size_t i = hashes_.size(); (i + 1) * kBlockSize <= tokens.size(); ++i) {
    hashes_.push_back(
        HashBlock(Parent(static_cast<int>(i)), tokens.subspan(i * kBlockSize, kBlockSize), pool_.hash_key()));
  }
}

}  // namespace puna::engine
