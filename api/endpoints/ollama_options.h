// `options` of Ollama's bodies: how tokens are drawn, and what the server that reads them has no use for.
#pragma once

#include "api/endpoints/ollama_request.h"

namespace puna::api {

class ObjectReader;

// Throws ApiError for a known option of the wrong type; unknown ones are named in a warning. null is absent.
void ReadOllamaOptions(ObjectReader& body, OllamaRequest& request);

}  // namespace puna::api
