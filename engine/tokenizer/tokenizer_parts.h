// What a tokenizer is made of, as the loaders leave it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/merge_table.h"
#include "engine/tokenizer/vocabulary.h"

namespace puna::engine {

struct TokenizerParts {
  Vocabulary vocabulary;  // base tokens (all 256 bytes among them) and the texts of the added ones
  MergeTable merges;
  std::vector<AddedToken> added;
  bool whole_words_first = true;  // a pre-token that is in the vocabulary is that token, whatever the merges give
  // The added token that the file's post-processor puts first, empty where it puts none; nullopt: it does not say.
  std::optional<std::string> first_token;
};

// `json`: Hugging Face's tokenizer.json. Only what Llama 3's family uses is accepted: byte-level
// BPE, no normalizer, Llama 3's split pattern. Added tokens from `vocab_size` on are left out: a model without a row for them
// can neither be given them nor give them. `source` names the file in errors. Throws std::runtime_error.
TokenizerParts ParseTokenizerJson(std::string_view json, std::string_view source, int vocab_size);

// `model`: Meta's tokenizer.model, a line "base64-of-the-bytes rank" for each base token. The
// special tokens are not in it; they follow the base tokens in Llama 3's order, named as in Hugging
// Face's files, up to `vocab_size` tokens in all. Throws std::runtime_error.
TokenizerParts ParseTokenizerModel(std::string_view model, std::string_view source, int vocab_size);

}  // namespace puna::engine
