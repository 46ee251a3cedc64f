// GET /v1/models and /v1/models/{id}, with vLLM's max_model_len beside OpenAI's members.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace puna::api {

struct ModelInfo {
  std::string id;
  int64_t created = 0;   // seconds since 1970
  std::string owned_by;  // "puna" when empty
  int max_model_len = 0;
};

std::string ModelJson(const ModelInfo& model);
std::string ModelListJson(const std::vector<ModelInfo>& models);

}  // namespace puna::api
