// Byte-pair merging of one pre-token (Sennrich et al. 2016): starting from single bytes, the
// adjacent pair of lowest rank merges first, the leftmost one among equals, until no adjacent pair
// can merge.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/tokenizer/merge_table.h"

namespace puna::engine {

// Memory for words too long for the stack; kept between calls so that a text allocates it once.
struct BpeScratch {
  struct Part {
    uint32_t previous;  // position of the part before; its own position if there is none
    uint32_t next;      // position of the part after, or the length of the word
    TokenId id;
    uint32_t rank;  // of merging with the part after
  };
  std::vector<Part> parts;
  std::vector<uint64_t> run;
  std::vector<uint64_t> heap;
};

// Appends the tokens of `word` (not empty, less than 4 GiB). `byte_ids` has the token of each of
// the 256 bytes. Time O(n^2) with a tiny constant up to 16 bytes, O(n log n) above.
void MergeWord(const MergeTable& merges, const TokenId* byte_ids, std::string_view word, BpeScratch* scratch,
               std::vector<TokenId>* out);

}  // namespace puna::engine
