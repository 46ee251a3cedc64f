// A tokenizer whose ids are bytes, and a few special tokens after them: texts in tests are then
// their own ids.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

constexpr engine::TokenId kBos = 256, kEnd = 257, kPythonTag = 258;

// `words` are tokens behind the special ones.
inline engine::Tokenizer WordTokenizer(const std::vector<std::string>& words) {
  engine::TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte) parts.vocabulary.AddBase(byte, std::string(1, static_cast<char>(byte)));
  for (const auto& [id, text] :
       {std::pair(kBos, "<|begin_of_text|>"), {kEnd, "<|eot_id|>"}, {kPythonTag, "<|python_tag|>"}}) {
    parts.vocabulary.AddText(id, text);
    parts.added.push_back({id, text, true});
  }
  for (size_t i = 0; i < words.size(); ++i)
    parts.vocabulary.AddBase(kPythonTag + 1 + static_cast<engine::TokenId>(i), words[i]);
  return engine::Tokenizer(std::move(parts));
}

inline engine::Tokenizer ByteTokenizer() { return WordTokenizer({}); }

inline std::vector<engine::TokenId> Ids(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()),
          reinterpret_cast<const unsigned char*>(text.data()) + text.size()};
}

}  // namespace puna::server
