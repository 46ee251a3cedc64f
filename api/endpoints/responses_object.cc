#include "api/endpoints/responses_object.h"

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
  if (usage.cache_report) json["cache_report"] = CacheReportJson(*usage.cache_report);
  if (usage.speculation) json["speculation"] = SpeculationJson(*usage.speculation);
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
    if (tool["type"] != "function") continue;
    for (const char* name : {"description", "parameters", "strict"}) {
      if (!tool.contains(name)) tool[name] = nullptr;
    }
  }
  return tools;
}

// What the client asked for, said again.
void AppendEcho(const ResponsesRequest& request, const std::string& model, JsonValue& json) {
  const SamplingFields& sampling = request.sampling;
  json["instructions"] = OrNull(request.instructions);
  json["max_output_tokens"] = sampling.max_tokens ? JsonValue(*sampling.max_tokens) : JsonValue();
  json["max_tool_calls"] = nullptr;
  json["model"] = model;
  json["parallel_tool_calls"] = request.parallel_tool_calls;
  json["previous_response_id"] = OrNull(request.previous_response_id);
  JsonValue no_reasoning;
  no_reasoning["effort"] = nullptr;
  no_reasoning["summary"] = nullptr;
  json["reasoning"] = Echo(request.reasoning_json, std::move(no_reasoning));
  json["service_tier"] = request.service_tier.empty() ? "default" : request.service_tier;
  json["store"] = request.store;
  json["frequency_penalty"] = sampling.frequency_penalty;
  json["presence_penalty"] = sampling.presence_penalty;
  json["prompt_cache_key"] = Echo(request.prompt_cache_key_json, nullptr);
  json["safety_identifier"] = Echo(request.safety_identifier_json, nullptr);
  json["temperature"] = sampling.temperature.value_or(1.0);
  json["text"] = TextJson(request.text_json);
  json["tool_choice"] = Echo(request.tool_choice_json, "auto");
  json["tools"] = ToolsJson(request.tools_json);
  json["top_logprobs"] = request.num_logprobs < 0 ? 0 : request.num_logprobs;
  json["top_p"] = sampling.top_p.value_or(1.0);
  json["truncation"] = request.truncation_auto ? "auto" : "disabled";
  if (!request.conversation.empty()) json["conversation"]["id"] = request.conversation;
  if (!request.user.empty()) json["user"] = request.user;
  json["metadata"] = Echo(request.metadata_json, JsonValue::object());
}

}  // namespace

const char* StatusName(ResponseBuilder::Status status) {
  switch (status) {
    case ResponseBuilder::Status::kQueued:
      return "queued";
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

JsonValue BegunResponseJson(const ResponsesRequest& request, const std::string& id, const std::string& model,
                            int64_t created_at) {
  JsonValue json;
  json["id"] = id;
  json["object"] = "response";
  json["created_at"] = created_at;
  json["completed_at"] = nullptr;
  json["status"] =
      StatusName(request.background ? ResponseBuilder::Status::kQueued : ResponseBuilder::Status::kInProgress);
  json["background"] = request.background;
  json["error"] = nullptr;
  json["incomplete_details"] = nullptr;
  json["output"] = JsonValue::array();
  AppendEcho(request, model, json);
  json["usage"] = nullptr;
  return json;
}

JsonValue ResponseBuilder::ResponseJson() const {
  JsonValue json = *begun_;
  if (completed_at_ > 0) json["completed_at"] = completed_at_;
  json["status"] = StatusName(status_);
  if (status_ == Status::kFailed) {
    json["error"]["code"] = "server_error";
    json["error"]["message"] = error_;
  }
  if (status_ == Status::kIncomplete) json["incomplete_details"]["reason"] = reason_;
  for (const ResponseItem& item : output_) json["output"].push_back(ItemJson(item));
  const bool ended = status_ != Status::kInProgress && status_ != Status::kQueued;
  if (ended && counted_) json["usage"] = ResponseUsageJson(usage_);
  return json;
}

std::string CompactedJson(const std::string& id, int64_t created_at, const std::vector<ResponseItem>& output,
                          const Usage& usage) {
  JsonValue json;
  json["id"] = id;
  json["object"] = "response.compaction";
  json["created_at"] = created_at;
  json["output"] = JsonValue::array();
  for (const ResponseItem& item : output) json["output"].push_back(ItemJson(item));
  json["usage"] = ResponseUsageJson(usage);
  return Dump(json);
}

}  // namespace puna::api
