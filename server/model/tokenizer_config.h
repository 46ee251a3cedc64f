// What tokenizer_config.json (and special_tokens_map.json, chat_template.json) say of special tokens and chat templates.
#pragma once

#include <optional>
#include <string>

#include "engine/checkpoint/files/file_set.h"

namespace puna::server {

struct TokenizerConfig {
  std::string bos_token, eos_token;   // their texts; empty: not named
  std::optional<bool> add_bos_token;  // nullopt: it does not say
  std::string chat_template;          // empty: none
  std::string tool_use_template;      // for conversations with tools; empty: the same
};

// Throws std::runtime_error when a file is no JSON object. Absent files say nothing.
TokenizerConfig ReadTokenizerConfig(const engine::FileSet& files);

}  // namespace puna::server
