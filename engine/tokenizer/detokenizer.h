// Detokenizer: the text of a token stream, as early as it is certain.
#pragma once

#include <string>

#include "engine/base/token_id.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::engine {

// One for each sequence; `tokenizer` must outlive it. What it gives is always whole UTF-8, and all
// of it together is Tokenizer::Decode of all ids.
class Detokenizer {
 public:
  Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(&tokenizer), skip_special_tokens_(skip_special_tokens) {}

  // What `id` makes certain: a character still lacking bytes is held back, bytes that no longer can
  // become one are U+FFFD.
  std::string Add(TokenId id);
  // The end of the sequence: a character still lacking bytes is U+FFFD. Afterwards the object is as
  // new.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  std::string held_;  // at most three bytes, the start of a character
};

}  // namespace puna::engine
