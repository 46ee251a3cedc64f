#include "api/endpoints/models_response.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "api/fields/response_parts.h"

namespace puna::api {

namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kBpe = 2;  // llama.cpp's LLAMA_VOCAB_TYPE_BPE

// As RFC 3339 has it.
std::string Timestamp(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

// Anthropic's members.
void AddAnthropic(const ModelInfo& model, OrderedJson& json) {
  json["type"] = "model";
  json["display_name"] = model.id;
  json["created_at"] = Timestamp(model.created);
  json["lifecycle"] = "active";
  for (const char* name : {"deprecated_at", "retires_at", "line", "capabilities"}) json[name] = nullptr;
  json["max_input_tokens"] = model.max_model_len;
  json["max_tokens"] = model.max_model_len;
}

OrderedJson ToJson(const ModelInfo& model) {
  OrderedJson json;
  json["id"] = model.id;
  json["object"] = "model";
  json["created"] = model.created;
  json["owned_by"] = model.owned_by.empty() ? "puna" : model.owned_by;
  json["max_model_len"] = model.max_model_len;
  json["root"] = model.id;
  json["parent"] = nullptr;
  AddAnthropic(model, json);
  json["meta"] = {{"vocab_type", kBpe},           {"n_vocab", model.vocab_size},
                  {"n_ctx", model.max_model_len}, {"n_ctx_train", model.trained_context},
                  {"n_embd", model.hidden_size},  {"n_params", model.parameters},
                  {"size", model.bytes}};
  return json;
}

OrderedJson IdOf(const std::vector<ModelInfo>& models, bool last) {
  if (models.empty()) return {};
  return last ? models.back().id : models.front().id;
}

}  // namespace

std::string ModelJson(const ModelInfo& model) { return Dump(ToJson(model)); }

std::string ModelListJson(const std::vector<ModelInfo>& models) {
  OrderedJson json;
  json["object"] = "list";
  json["data"] = OrderedJson::array();
  for (const ModelInfo& model : models) json["data"].push_back(ToJson(model));
  json["has_more"] = false;
  json["first_id"] = IdOf(models, /*last=*/false);
  json["last_id"] = IdOf(models, /*last=*/true);
  return Dump(json);
}

}  // namespace puna::api
