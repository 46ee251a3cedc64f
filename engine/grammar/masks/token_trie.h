// The vocabulary as grammars see it: every token that is text, by its bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::engine {

// All tokens of a kind, as a prefix tree in depth-first order.
class TokenTrie {
 public:
  struct Node {
    uint8_t byte;
    uint16_t depth;                   // 1 for the first byte
    int32_t end;                      // the first node behind this one's subtree
    int32_t first_token, num_tokens;  // in tokens()
  };

  TokenTrie() = default;
  explicit TokenTrie(std::vector<std::pair<std::string, TokenId>> tokens);
  const std::vector<Node>& nodes() const { return nodes_; }
  std::span<const TokenId> tokens(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.num_tokens);
  }

 private:
  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;
};

// Immutable once made, and shared by all grammars of a model.
class TokenVocabulary {
 public:
  static constexpr int kCountedChars = 24;

  // `vocab_size`: the model's rows of logits; ids behind the tokenizer's never come.
  TokenVocabulary(const Tokenizer& tokenizer, int vocab_size);

  int vocab_size() const { return vocab_size_; }
  size_t num_words() const { return (static_cast<size_t>(vocab_size_) + 63) / 64; }
  int max_token_bytes() const { return max_token_bytes_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  // Bytes of a token that is text; empty for any other id.
  std::string_view TextOf(TokenId id) const;

  const TokenTrie& all() const { return all_; }
  // Tokens that are not plain. Plain: whole characters, none of which JSON would escape.
  const TokenTrie& not_plain() const { return not_plain_; }
  // Sets the bits of the plain tokens of at most `max_chars` characters.
  void AddPlain(int max_chars, std::span<uint64_t> mask) const;

 private:
  const Tokenizer& tokenizer_;
  int vocab_size_;
  int max_token_bytes_ = 1;
  TokenTrie all_, not_plain_;
  std::vector<std::vector<uint64_t>> plain_;         // by characters, up to kCountedChars
  std::vector<std::pair<int, TokenId>> long_plain_;  // with more
};

}  // namespace puna::engine
