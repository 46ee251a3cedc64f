// Text of the operator's, for calibration and for measuring quality, as sequences of token ids.
#pragma once

#include <string>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/checkpoint/files/file_set.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// At most `max_tokens` ids of the file, in sequences of at most `length`, each behind the model's
// first token. A .jsonl file holds a conversation a line, {"messages": [...]}, laid out by the
// model's chat template, or {"prompt": "..."}, which is plain text; both may have "expected", the
// answer. As many follow each other in a sequence as fit. Every other file is plain text. Throws
// std::runtime_error when the file cannot be read or gives fewer than 64 tokens.
std::vector<std::vector<engine::TokenId>> ReadTokens(const std::string& path, const engine::FileSet& model_files,
                                                     const engine::Tokenizer& tokenizer, int length,
                                                     int64_t max_tokens);

}  // namespace puna::server
