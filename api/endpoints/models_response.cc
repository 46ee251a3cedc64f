#include "api/endpoints/models_response.h"

#include <nlohmann/json.hpp>

#include "api/fields/response_parts.h"

namespace puna::api {

namespace {

nlohmann::ordered_json ToJson(const ModelInfo& model) {
  nlohmann::ordered_json json;
  json["id"] = model.id;
  json["object"] = "model";
  json["created"] = model.created;
  json["owned_by"] = model.owned_by.empty() ? "puna" : model.owned_by;
  json["max_model_len"] = model.max_model_len;
  return json;
}

}  // namespace

std::string ModelJson(const ModelInfo& model) { return Dump(ToJson(model)); }

std::string ModelListJson(const std::vector<ModelInfo>& models) {
  nlohmann::ordered_json json;
  json["object"] = "list";
  json["data"] = nlohmann::ordered_json::array();
  for (const ModelInfo& model : models) json["data"].push_back(ToJson(model));
  return Dump(json);
}

}  // namespace puna::api
