// GET /v1/models and /v1/models/{id}: one body for the clients of OpenAI, of vLLM (max_model_len, root), of llama.cpp (meta) and of
// Anthropic.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace puna::api {

struct ModelInfo {
  std::string id;
  int64_t created = 0;        // seconds since 1970
  std::string owned_by = {};  // "puna" when empty
  int max_model_len = 0;      // that is served
  int trained_context = 0;    // that the model was made for
  int vocab_size = 0, hidden_size = 0;
  uint64_t parameters = 0, bytes = 0;  // of its weights
};

std::string ModelJson(const ModelInfo& model);
std::string ModelListJson(const std::vector<ModelInfo>& models);

}  // namespace puna::api
