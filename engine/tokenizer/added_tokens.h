// Tokens that stand outside the merges (turn marks, end tokens, ...): found in text by their exact
// spelling.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

struct AddedToken {
  TokenId id = kNoToken;
  std::string text;
  bool special = true;  // false: a word added to the vocabulary; decoding shows it always
};

// Finds added tokens in text. Const and thread-safe after construction.
class AddedTokenMatcher {
 public:
  struct Match {
    size_t begin = 0;
    size_t length = 0;  // 0: none found
    TokenId id = kNoToken;
  };

  // Texts are not empty and differ from each other.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens = {});

  // The leftmost match that begins at or after `from`, the longest of those beginning there.
  Match FindIn(std::string_view text, size_t from) const;
  // The token spelt exactly `text`.
  std::optional<TokenId> Id(std::string_view text) const;

 private:
  size_t NextCandidate(std::string_view text, size_t from) const;
  Match LongestAt(std::string_view text, size_t begin) const;

  std::vector<AddedToken> tokens_;  // sorted by text
  bool starts_[256] = {};           // whether some token begins with this byte
};

}  // namespace puna::engine
