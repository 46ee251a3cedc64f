// POST /v1/embeddings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/completion_request.h"
#include "api/fields/warnings.h"

namespace puna::api {

struct EmbeddingsRequest {
  enum class Pooling { kMean, kLast };
  std::string model;
  std::vector<PromptInput> inputs;  // at least one
  bool base64 = false;              // encoding_format
  Pooling pooling = Pooling::kMean;
  std::optional<int> dimensions;
  bool add_special_tokens = true;
  std::string user;
  Warnings warnings;
};
// Throws ApiError.
EmbeddingsRequest ParseEmbeddingsRequest(std::string_view body);

// One vector per input, in their order. base64: the vector's float32 values, little-endian, as
// OpenAI has it.
std::string EmbeddingsJson(const std::vector<std::vector<float>>& vectors, const std::string& model, int prompt_tokens,
                           bool base64);

}  // namespace puna::api
