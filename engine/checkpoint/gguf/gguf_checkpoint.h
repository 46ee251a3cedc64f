// A Llama in a GGUF file, as llama.cpp's converter writes it.
#pragma once

#include <string>

#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K tensors. Rows of q and k come in Hugging Face's order. rope_freqs must be
// llama3's rope scaling, whose factor is found again. End tokens: eos_token_id and the tokens that are called
// <|end_of_text|>, <|eom_id|>, <|eot_id|>.
Checkpoint OpenGgufCheckpoint(const FileSet& files, const std::string& name);

}  // namespace puna::engine
