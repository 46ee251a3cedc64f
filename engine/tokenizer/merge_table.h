// MergeTable: which pairs of tokens merge, in what order of preference, and into what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = (1u << 24) - 1;  // also the bound: ranks are below it

  MergeTable();

  // States that `left` `right` merge into `result`; the lower `rank`, the earlier. Ids below
  // Vocabulary::kMaxTokens. Several pairs may share a rank if they share the result. Returns false,
  // changing nothing, if the pair is known already.
  bool Add(TokenId left, TokenId right, uint32_t rank, TokenId result);

  // The rank of the pair, or kNoMerge.
  uint32_t Rank(TokenId left, TokenId right) const {
    const uint64_t key = Key(left, right);
    for (size_t i = Home(key);; i = (i + 1) & mask_) {
      if (slots_[i] == kEmpty) return kNoMerge;
      if (slots_[i] >> 24 == key) return slots_[i] & kNoMerge;
    }
  }
  TokenId Result(uint32_t rank) const { return results_[rank]; }
  size_t size() const { return size_; }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  static uint64_t Key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(left) << 20 | static_cast<uint64_t>(right);
  }
  size_t Home(uint64_t key) const { return (key * 0x9e3779b97f4a7c15u) >> shift_; }
  void Insert(uint64_t slot);
  void Grow();

  // Left (20 bits), right (20), rank (24); open addressing, at most half full.
  std::vector<uint64_t> slots_;
  size_t mask_ = 0;
  int shift_ = 0;
  size_t size_ = 0;
  std::vector<TokenId> results_;  // by rank
};

}  // namespace puna::engine
