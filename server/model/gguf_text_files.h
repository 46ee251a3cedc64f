// What a GGUF file says of the model's text, as the files that Hugging Face keeps it in.
#pragma once

#include <string>

#include "engine/checkpoint/gguf/gguf_file.h"

namespace puna::server {

// Keys: ggml's docs/gguf.md; what they mean beside a tokenizer.json: llama.cpp's converter.

// tokenizer.json; empty where the file has no tokenizer. Throws std::runtime_error when it is not one of Llama 3's
// family.
std::string GgufTokenizerJson(const engine::GgufFile& file);

// tokenizer_config.json: BOS, EOS and chat templates, as far as the file has them.
std::string GgufTokenizerConfig(const engine::GgufFile& file);

}  // namespace puna::server
