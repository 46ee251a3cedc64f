// Which GGUF files make a model: one, or the parts of a split one (NAME-00001-of-00003.gguf), beside whatever else lies there.
#pragma once

#include <string>
#include <vector>

#include "engine/checkpoint/files/file_set.h"

namespace puna::engine {

// By its first letters, whatever its name: caches keep their files without an ending.
bool HasGgufLetters(const FileSet& files, const std::string& name);

// All parts of the model that `name` is a part of, the first one first; {name} where it is whole.
std::vector<std::string> GgufParts(const std::string& name);

// What the model is called: the name without ending and part.
std::string GgufModelName(const std::string& name);

// The models among the files, each by its first part: not the files that llama.cpp's tools put beside them (importance
// matrices, projectors of images, adapters), as long as there is something else.
std::vector<std::string> GgufModels(const FileSet& files);

}  // namespace puna::engine
