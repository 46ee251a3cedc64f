#include "engine/kv_cache/block_table.h"

#include "engine/base/check.h"

namespace puna::engine {

PrefixMatch BlockTable::FindPrefix(std::span<const TokenId> tokens, int max_tokens) {
  NameBlocks(tokens);
  return pool_.FindPrefix(tokens, hashes_, max_tokens);
}

std::optional<BlockCopy> BlockTable::Adopt(const PrefixMatch& match) {
  PUNA_CHECK(blocks_.empty());
  pool_.Hold(match);
  blocks_ = match.blocks;
  num_published_ = static_cast<int>(blocks_.size());
  continues_ = match.to_the_end;
  if (match.partial == kNoBlock) return std::nullopt;
  blocks_.push_back(pool_.Allocate());
  return BlockCopy{match.partial, blocks_.back(), match.partial_tokens};
}

bool BlockTable::Grow(int positions) {
  const int missing = BlocksFor(positions) - static_cast<int>(blocks_.size());
  if (missing > pool_.num_free()) return false;
  for (int i = 0; i < missing; ++i) blocks_.push_back(pool_.Allocate());
  return true;
}

void BlockTable::Publish(std::span<const TokenId> tokens, int num_computed) {
  const int num_full = num_computed / kBlockSize;
  if (num_full == num_published_) return;
  NameBlocks(tokens.first(static_cast<size_t>(num_full) * kBlockSize));
  for (; num_published_ < num_full; ++num_published_) {
    const int i = num_published_;
    if (!pool_.prefix_caching()) continue;
    blocks_[i] = pool_.Publish(blocks_[i], Parent(i), hashes_[i], tokens.subspan(i * kBlockSize, kBlockSize));
  }
}

void BlockTable::Free(std::span<const TokenId> tokens, int num_computed) {
  Publish(tokens, num_computed);
  const int first = num_published_ * kBlockSize;
  if (num_computed > first && pool_.prefix_caching()) {
    pool_.PublishPartial(blocks_[num_published_], Parent(num_published_), tokens.subspan(first, num_computed - first));
  }
  pool_.Release(blocks_, continues_);
  blocks_.clear();
  num_published_ = 0;
}

void BlockTable::NameBlocks(std::span<const TokenId> tokens) {
  if (!pool_.prefix_caching()) return;
  for (size_t i = hashes_.size(); (i + 1) * kBlockSize <= tokens.size(); ++i) {
    hashes_.push_back(
        HashBlock(Parent(static_cast<int>(i)), tokens.subspan(i * kBlockSize, kBlockSize), pool_.hash_key()));
  }
}

}  // namespace puna::engine
