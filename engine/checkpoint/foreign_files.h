// What people's folders hold that cannot be run, told by what it is, with what to download instead for this very model.
#pragma once

#include <string>

#include "engine/checkpoint/files/file_set.h"

namespace puna::engine {

// Where there are neither safetensors nor Meta's files nor a GGUF that we read. Throws std::runtime_error.
[[noreturn]] void RefuseForeignFiles(const FileSet& files);

// The model's name as far as its files tell: "Llama-3.2-3B-Instruct"; else "this model".
std::string ModelIn(const FileSet& files);

}  // namespace puna::engine
