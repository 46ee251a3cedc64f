// The files that say how a model reads and writes text, wherever they are.
#pragma once

#include <string>
#include <vector>

#include "engine/checkpoint/files/file_set.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// Beside the model's weights, or else inside a .gguf file; for the demo model and for random
// weights, which have none of their own, the demo model's.
engine::FileSet TextFiles(const std::string& model);

// Copies those of them that are not in `folder` yet: tokenizer, chat template, how the authors want it sampled.
void CopyTextFiles(const engine::FileSet& files, const std::string& folder);

// tokenizer.json, else Meta's tokenizer.model. Throws std::runtime_error when there is neither,
// when a file cannot be used, or when it has ids that the model (of `vocab_size` rows) does not.
engine::Tokenizer LoadTokenizer(const engine::FileSet& files, int vocab_size);

// The ids that end a turn: those of the model's configuration (`known`), the tokenizer's own end, and the tokens named like an
// end with which the chat template closes turns.
std::vector<engine::TokenId> EndsOfTurn(const engine::FileSet& files, const engine::Tokenizer& tokenizer,
                                        std::vector<engine::TokenId> known);

}  // namespace puna::server
