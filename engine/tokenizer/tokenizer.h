// Tokenizer: text to token ids and back, exactly as Llama 3's reference tokenizers do. Const and
// thread-safe once loaded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/tokenizer_parts.h"

namespace puna::engine {

// A part of a prompt. Trusted text is ours or the template's: added tokens spelt in it are those
// tokens. Any other text comes from a user, a tool or a model, and never becomes an added token.
struct PromptPiece {
  std::string_view text;
  bool trusted = false;
};

class Tokenizer {
 public:
  // The loaders throw std::runtime_error "FILE: WHERE: expected ..., found ...; remedy".
  // Hugging Face's tokenizer.json.
  static Tokenizer FromFile(const std::string& path);
  // The same from memory; `source` stands for the file's name in errors.
  // Added tokens from `vocab_size` on are left out.
  static Tokenizer FromJson(std::string_view json, std::string_view source, int vocab_size = Vocabulary::kMaxTokens);
  // Meta's tokenizer.model; special tokens fill the vocabulary up to `vocab_size` (the model's:
  // 128256 for Llama 3).
  static Tokenizer FromTiktoken(const std::string& path, int vocab_size);

  explicit Tokenizer(TokenizerParts parts);

  // Encoding never adds a BOS. Invalid UTF-8 counts as U+FFFD, as ReplaceInvalidUtf8 says. Texts
  // are shorter than 680 MiB (std::length_error).

  // Plain text: the spelling of an added token is ordinary text.
  std::vector<TokenId> Encode(std::string_view text) const;
  // Added tokens spelt in the text become those tokens.
  std::vector<TokenId> EncodeWithSpecial(std::string_view text) const;
  // All pieces as one text: where two meet makes no difference to the ids, except that added tokens
  // are looked for only in trusted text, and not across a border with text that is not.
  std::vector<TokenId> Encode(std::span<const PromptPiece> pieces) const;

  // The text of `ids` with every invalid part of the UTF-8 as U+FFFD. No clean-up of spaces.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // The bytes of a token, which need not be whole characters; an added token's text. Empty for an
  // id that is none.
  std::string_view Bytes(TokenId id) const { return vocabulary_.Bytes(id); }
  // The same for display: invalid UTF-8 as U+FFFD.
  std::string TokenText(TokenId id) const;
  // Whether the id is an added token marked as special: a control token, not text.
  bool IsSpecial(TokenId id) const { return id >= 0 && id < vocab_size() && special_[id]; }
  // The added token spelt `name`, such as "<|eot_id|>"; special or not.
  std::optional<TokenId> SpecialId(std::string_view name) const { return added_.Id(name); }
  // The token that begins a text: what the file's post-processor puts there, else <|begin_of_text|>; kNoToken: none.
  TokenId bos_id() const { return bos_id_; }
  bool says_bos() const { return says_bos_; }  // whether the file said so itself
  void set_bos_id(TokenId id) { bos_id_ = id; }
  // The largest id + 1. A model may have more rows than this.
  int vocab_size() const { return vocabulary_.size(); }

 private:
  struct Range {
    size_t begin;
    size_t end;
  };

  std::vector<TokenId> EncodeRanges(std::string_view text, std::span<const Range> trusted) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  AddedTokenMatcher added_;
  std::vector<bool> special_;            // by id
  std::array<TokenId, 256> byte_ids_{};  // the token of each single byte
  bool whole_words_first_;
  TokenId bos_id_;
  bool says_bos_ = false;
};

}  // namespace puna::engine
