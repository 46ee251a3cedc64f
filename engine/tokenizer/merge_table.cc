#include "engine/tokenizer/merge_table.h"

#include <bit>
#include <utility>

#include "engine/base/check.h"
#include "engine/tokenizer/vocabulary.h"

namespace puna::engine {

static_assert(Vocabulary::kMaxTokens == 1 << 20, "Key packs two ids into 40 bits");

MergeTable::MergeTable() { Grow(); }

bool MergeTable::Add(TokenId left, TokenId right, uint32_t rank, TokenId result) {
  PUNA_CHECK(rank < kNoMerge) << "rank " << rank;
  if (Rank(left, right) != kNoMerge) return false;
  if (2 * ++size_ > slots_.size()) Grow();
  Insert(Key(left, right) << 24 | rank);
  if (rank >= results_.size()) results_.resize(rank + 1, kNoToken);
  results_[rank] = result;
  return true;
}

void MergeTable::Insert(uint64_t slot) {
  size_t i = Home(slot >> 24);
  while (slots_[i] != kEmpty) i = (i + 1) & mask_;
  slots_[i] = slot;
}

void MergeTable::Grow() {
  const size_t count = slots_.empty() ? 1024 : slots_.size() * 2;
  const std::vector<uint64_t> old = std::exchange(slots_, std::vector<uint64_t>(count, kEmpty));
  mask_ = count - 1;
  shift_ = 64 - std::countr_zero(count);
  for (const uint64_t slot : old) {
    if (slot != kEmpty) Insert(slot);
  }
}

}  // namespace puna::engine
