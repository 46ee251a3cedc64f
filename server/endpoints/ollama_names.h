// Models by the names that Ollama's clients give them.
#pragma once

#include <string>

#include "server/generate/service.h"

namespace puna::server {

// Whether it is the one that is served; throws api::ApiError 404, in the words by which Ollama's clients know it, when not.
void CheckOllamaModel(const std::string& model, const Service& service);

}  // namespace puna::server
