// The response object of ResponseBuilder.
#include <nlohmann/json.hpp>

#include "api/endpoints/responses_builder.h"

namespace puna::api {

namespace {

using JsonValue = nlohmann::ordered_json;

// A member that the client sent, or `otherwise`.
JsonValue Echo(const std::string& raw, JsonValue otherwise) {
  if (raw.empty() || raw == "null") return otherwise;
  return JsonValue::parse(raw);  // accepted once already
}

JsonValue OrNull(const std::string& text) { return text.empty() ? JsonValue() : JsonValue(text); }

const char* StatusName(ResponseBuilder::Status status) {
  switch (status) {
    case ResponseBuilder::Status::kInProgress:
      return "in_progress";
    case ResponseBuilder::Status::kCompleted:
      return "completed";
    case ResponseBuilder::Status::kIncomplete:
      return "incomplete";
    case ResponseBuilder::Status::kFailed:
      return "failed";
    case ResponseBuilder::Status::kCancelled:
      return "cancelled";
  }
  return "failed";
}

JsonValue ResponseUsageJson(const Usage& usage) {
  JsonValue json;
  json["input_tokens"] = usage.prompt_tokens;
  json["input_tokens_details"]["cached_tokens"] = usage.cached_tokens;
  json["input_tokens_details"]["cache_write_tokens"] = usage.cache_write_tokens;
  json["output_tokens"] = usage.completion_tokens;
  json["output_tokens_details"]["reasoning_tokens"] = 0;
  json["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
  if (usage.energy) {
    json["energy"] = {
        {"joules", usage.energy->joules}, {"gco2e", usage.energy->grams_co2e}, {"source", usage.energy->source}};
  }
  return json;
}

JsonValue TextJson(const std::string& raw) {
  JsonValue text = Echo(raw, JsonValue::object());
  if (!text.contains("format") || text["format"].is_null()) text["format"]["type"] = "text";
  return text;
}

// Schemas say what SDKs expect to find: every function with its parameters and strict.
JsonValue ToolsJson(const std::string& raw) {
  JsonValue tools = Echo(raw, JsonValue::array());
  for (JsonValue& tool : tools) {
    for (const char* name : {"description", "parameters", "strict"}) {
      if (!tool.contains(name)) tool[name] = nullptr;
    }
  }
  return tools;
}

}  // namespace

// What the client asked for, said again.
void ResponseBuilder::AppendEcho(JsonValue& json) const {
  const SamplingFields& sampling = request_.sampling;
  json["instructions"] = OrNull(request_.instructions);
  json["max_output_tokens"] = sampling.max_tokens ? JsonValue(*sampling.max_tokens) : JsonValue();
  json["max_tool_calls"] = nullptr;
  json["model"] = model_;
  json["parallel_tool_calls"] = request_.parallel_tool_calls;
  json["previous_response_id"] = OrNull(request_.previous_response_id);
  JsonValue no_reasoning;
  no_reasoning["effort"] = nullptr;
  no_reasoning["summary"] = nullptr;
  json["reasoning"] = Echo(request_.reasoning_json, std::move(no_reasoning));
  json["service_tier"] = request_.service_tier.empty() ? "default" : request_.service_tier;
  json["store"] = request_.store;
  json["temperature"] = sampling.temperature.value_or(1.0);
  json["text"] = TextJson(request_.text_json);
  json["tool_choice"] = Echo(request_.tool_choice_json, "auto");
  json["tools"] = ToolsJson(request_.tools_json);
  json["top_logprobs"] = request_.num_logprobs < 0 ? 0 : request_.num_logprobs;
  json["top_p"] = sampling.top_p.value_or(1.0);
  json["truncation"] = request_.truncation_auto ? "auto" : "disabled";
  if (!request_.user.empty()) json["user"] = request_.user;
  json["metadata"] = Echo(request_.metadata_json, JsonValue::object());
}

JsonValue ResponseBuilder::ResponseJson() const {
  JsonValue json;
  json["id"] = id_;
  json["object"] = "response";
  json["created_at"] = created_at_;
  json["status"] = StatusName(status_);
  json["background"] = false;
  json["error"] = nullptr;
  if (status_ == Status::kFailed) {
    json["error"]["code"] = "server_error";
    json["error"]["message"] = error_;
  }
  json["incomplete_details"] = nullptr;
  if (status_ == Status::kIncomplete) json["incomplete_details"]["reason"] = "max_output_tokens";
  json["output"] = JsonValue::array();
  for (const ResponseItem& item : output_) json["output"].push_back(ItemJson(item));
  AppendEcho(json);
  if (status_ != Status::kInProgress) json["usage"] = ResponseUsageJson(usage_);
  return json;
}

}  // namespace puna::api
