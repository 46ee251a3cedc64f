#include "api/endpoints/embeddings.h"

#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "api/fields/request_fields.h"
#include "api/fields/response_parts.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"
#include "engine/text/base64.h"

namespace puna::api {

namespace {

std::string LittleEndian(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * 4);
  for (const float value : vector) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift);
  }
  return bytes;
}

}  // namespace

EmbeddingsRequest ParseEmbeddingsRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  EmbeddingsRequest request;
  CheckFields(kEmbeddings, body, request.warnings);
  request.model = body.Get<std::string>("model", "");
  request.inputs = ReadPrompts(body, "input");
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const std::string* input = std::get_if<std::string>(&request.inputs[i]);
    if (input && input->empty()) {
      throw InvalidValue(request.inputs.size() == 1 ? "input" : IndexPath("input", i), "an input must not be empty.");
    }
  }
  const std::string encoding = body.Get<std::string>("encoding_format", "float");
  if (encoding != "float" && encoding != "base64") throw InvalidValue("encoding_format", "expected float or base64.");
  request.base64 = encoding == "base64";
  const std::string pooling = body.Get<std::string>("pooling", "mean");
  if (pooling != "mean" && pooling != "last") throw InvalidValue("pooling", "expected mean or last.");
  request.pooling = pooling == "last" ? EmbeddingsRequest::Pooling::kLast : EmbeddingsRequest::Pooling::kMean;
  request.dimensions = body.Optional<int>("dimensions", 1, 1 << 30);
  request.add_special_tokens = body.Get<bool>("add_special_tokens", true);
  request.user = body.Get<std::string>("user", "");
  return request;
}

std::string EmbeddingsJson(const std::vector<std::vector<float>>& vectors, const std::string& model, int prompt_tokens,
                           bool base64) {
  Json json;
  json["object"] = "list";
  json["data"] = Json::array();
  for (size_t i = 0; i < vectors.size(); ++i) {
    Json entry;
    entry["object"] = "embedding";
    entry["index"] = i;
    entry["embedding"] = base64 ? Json(text::ToBase64(LittleEndian(vectors[i]))) : Json(vectors[i]);
    json["data"].push_back(std::move(entry));
  }
  json["model"] = model;
  json["usage"]["prompt_tokens"] = prompt_tokens;
  json["usage"]["total_tokens"] = prompt_tokens;
  return Dump(json);
}

}  // namespace puna::api
