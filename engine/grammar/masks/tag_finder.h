// TagFinder: finds the end of a fixed text in a text that comes token by token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/masks/token_trie.h"

namespace puna::engine {

// Knuth, Morris and Pratt, "Fast pattern matching in strings" (1977), with the vocabulary looked
// through once: which tokens complete the tag is known for every state. Immutable once made.
class TagFinder {
 public:
  // A token that completes the tag with its byte before `end`.
  struct Hit {
    TokenId id;
    size_t end;
  };

  // `tag` is not empty.
  TagFinder(const TokenVocabulary& vocabulary, std::string tag);

  const std::string& tag() const { return tag_; }
  // Reads bytes from a state (0: nothing of the tag has come). `end`: behind the first byte that
  // completes the tag, or npos.
  int Step(int state, std::string_view text, size_t& end) const;
  // The tokens that would complete the tag from this state.
  const std::vector<Hit>& Completing(int state) const { return completing_[static_cast<size_t>(state)]; }

 private:
  std::string tag_;
  std::vector<int> fallback_;  // by matched bytes: the longest border
  std::vector<std::vector<Hit>> completing_;
};

}  // namespace puna::engine
