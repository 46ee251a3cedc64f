// The bodies of Ollama's POST /api/chat and /api/generate, as the request that chat completions are, too.
#pragma once

#include <string>
#include <string_view>

#include "api/endpoints/chat_request.h"
#include "api/endpoints/embeddings.h"

namespace puna::api {

struct OllamaRequest {
  ChatRequest chat;        // of generate: its system and prompt as messages; streaming.stream is true when left out
  bool generate = false;   // the answer has `response` in place of `message`
  bool raw = false;        // generate: `prompt` as it is, without the chat template
  std::string prompt;      // raw
  bool only_load = false;  // nothing is asked for but the model
  bool unload = false;     // keep_alive 0
  int num_ctx = 0;         // the most tokens that the prompt may have; 0: not said
  bool truncate = true;    // the oldest messages are dropped where not all fit
};

// Both throw ApiError. Sampling has Ollama's defaults, which differ from OpenAI's. Every field is honoured, refused by name or
// warned of: request_fields.h says which.
OllamaRequest ParseOllamaChat(std::string_view body);
OllamaRequest ParseOllamaGenerate(std::string_view body);

// The body of /api/embed, and of the older /api/embeddings, whose text is called prompt.
EmbeddingsRequest ParseOllamaEmbed(std::string_view body);
EmbeddingsRequest ParseOllamaEmbeddings(std::string_view body);

// A body that names a model, as model or by the older member name, and nothing else of weight: show, pull, delete.
struct OllamaNameRequest {
  std::string model;
  bool stream = true;
};
OllamaNameRequest ParseOllamaName(std::string_view body);

}  // namespace puna::api
