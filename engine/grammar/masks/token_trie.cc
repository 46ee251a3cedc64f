#include "engine/grammar/masks/token_trie.h"

#include <algorithm>

namespace puna::engine {
namespace {

// The number of characters of a plain text; 0 for any other.
int CountPlain(std::string_view text) {
  int chars = 0;
  for (size_t i = 0; i < text.size(); ++chars) {
    const auto b = static_cast<uint8_t>(text[i]);
    if (b < 0x20 || b == '"' || b == '\\') return 0;
    const size_t length = b < 0x80 ? 1 : b < 0xC2 ? 0 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : b < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return 0;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xC0) != 0x80) return 0;
    }
    const auto next = length > 1 ? static_cast<uint8_t>(text[i + 1]) : 0;
    const bool bad = (b == 0xE0 && next < 0xA0) || (b == 0xED && next > 0x9F) || (b == 0xF0 && next < 0x90) ||
                     (b == 0xF4 && next > 0x8F);
    if (bad) return 0;
    i += length;
  }
  return chars;
}

}  // namespace

TokenTrie::TokenTrie(std::vector<std::pair<std::string, TokenId>> tokens) {
  std::sort(tokens.begin(), tokens.end());
  std::vector<int32_t> open;  // nodes of the last token's bytes
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) nodes_[open.back()].end = static_cast<int32_t>(nodes_.size());
  };
  for (const auto& [bytes, id] : tokens) {
    size_t shared = 0;
    while (shared < std::min(last.size(), bytes.size()) && last[shared] == bytes[shared]) ++shared;
    close(shared);
    for (size_t i = shared; i < bytes.size(); ++i) {
      open.push_back(static_cast<int32_t>(nodes_.size()));
      nodes_.push_back(
          {static_cast<uint8_t>(bytes[i]), static_cast<uint16_t>(i + 1), 0, static_cast<int32_t>(tokens_.size()), 0});
    }
    Node& node = nodes_[open.back()];
    if (node.num_tokens++ == 0) node.first_token = static_cast<int32_t>(tokens_.size());
    tokens_.push_back(id);
    last = bytes;
  }
  close(0);
}

TokenVocabulary::TokenVocabulary(const Tokenizer& tokenizer, int vocab_size)
    : tokenizer_(tokenizer), vocab_size_(vocab_size), plain_(kCountedChars + 1, std::vector<uint64_t>(num_words())) {
  std::vector<std::pair<std::string, TokenId>> all, not_plain;
  for (TokenId id = 0; id < vocab_size_; ++id) {
    const std::string_view bytes = TextOf(id);
    if (bytes.empty() || bytes.size() > 0xFFFF) continue;
    max_token_bytes_ = std::max(max_token_bytes_, static_cast<int>(bytes.size()));
    all.emplace_back(bytes, id);
    const int chars = CountPlain(bytes);
    if (chars == 0)
      not_plain.emplace_back(bytes, id);
    else if (chars > kCountedChars)
      long_plain_.emplace_back(chars, id);
    for (int n = chars; chars > 0 && n <= kCountedChars; ++n) plain_[n][id / 64] |= uint64_t{1} << (id % 64);
  }
  all_ = TokenTrie(std::move(all));
  not_plain_ = TokenTrie(std::move(not_plain));
}

std::string_view TokenVocabulary::TextOf(TokenId id) const {
  if (id < 0 || id >= tokenizer_.vocab_size() || id >= vocab_size_ || tokenizer_.IsSpecial(id)) return {};
  return tokenizer_.Bytes(id);
}

void TokenVocabulary::AddPlain(int max_chars, std::span<uint64_t> mask) const {
  const std::vector<uint64_t>& plain = plain_[std::min(max_chars, kCountedChars)];
  for (size_t i = 0; i < plain.size(); ++i) mask[i] |= plain[i];
  for (const auto& [chars, id] : long_plain_) {
    if (chars <= max_chars) mask[id / 64] |= uint64_t{1} << (id % 64);
  }
}

}  // namespace puna::engine
