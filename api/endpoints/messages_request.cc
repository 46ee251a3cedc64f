#include "api/endpoints/messages_request.h"

#include <nlohmann/json.hpp>

#include "api/endpoints/messages_content.h"
#include "api/endpoints/messages_tools.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {
namespace {

constexpr int kMaxCount = 1 << 30;
constexpr size_t kMaxStops = 64;

std::vector<std::string> ReadStopSequences(ObjectReader& body) {
  std::vector<std::string> stops;
  const Json* value = body.Find("stop_sequences");
  if (!value) return stops;
  const auto& array = ReadArray(*value, "stop_sequences");
  if (array.size() > kMaxStops) {
    throw InvalidValue(
        "stop_sequences",
        "at most " + std::to_string(kMaxStops) + " can be given, but got " + std::to_string(array.size()) + ".",
        "array_above_max_length");
  }
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string path = IndexPath("stop_sequences", i);
    stops.push_back(ReadValue<std::string>(array[i], path));
    if (stops.back().empty()) throw InvalidValue(path, "it is empty, and would end every answer at once.");
  }
  return stops;
}

SamplingFields ReadSamplingFields(ObjectReader& body) {
  SamplingFields fields;
  fields.temperature = body.Optional<double>("temperature", 0, 1);
  fields.top_p = body.Optional<double>("top_p", 0, 1);
  if (fields.top_p) fields.top_p = std::max(*fields.top_p, 1e-6);
  fields.top_k = body.Optional<int>("top_k", 0, kMaxCount);
  fields.max_tokens = body.Optional<int>("max_tokens", 0, kMaxCount);
  fields.stop = ReadStopSequences(body);
  return fields;
}

// {"type": "json_schema", "schema": {...}}, `value` at `path`.
void ReadFormat(const Json& value, const Places& places, const std::string& path, ChatRequest& chat) {
  ObjectReader format(value, path);
  const auto type = format.Required<std::string>("type");
  if (type != "json_schema")
    throw InvalidValue(format.Path("type"), "expected json_schema, but got '" + type.substr(0, 80) + "'.");
  if (chat.format.kind != OutputFormat::Kind::kText)
    throw InvalidValue(path, "it contradicts '" + chat.format.param + "'; give one of them.");
  const Json& schema = format.Require("schema");
  if (!schema.is_object()) throw InvalidType(format.Path("schema"), "a JSON Schema", TypeName(schema));
  chat.format.kind = OutputFormat::Kind::kJsonSchema;
  chat.format.source = places.TextOf(schema);
  chat.format.param = format.Path("schema");
  format.Find("name");
  WarnUnread(format, chat.warnings);
}

void ReadOutputConfig(ObjectReader& body, const Places& places, ChatRequest& chat) {
  if (const Json* value = body.Find("output_config")) {
    ObjectReader config(*value, "output_config");
    if (const Json* format = config.Find("format")) ReadFormat(*format, places, config.Path("format"), chat);
    if (config.Has("effort"))
      chat.warnings.Add("'output_config.effort' has no effect: the model has one way to answer");
    WarnUnread(config, chat.warnings);
  }
  if (const Json* format = body.Find("output_format")) ReadFormat(*format, places, "output_format", chat);
}

void ReadMetadata(ObjectReader& body, ChatRequest& chat) {
  const Json* value = body.Find("metadata");
  if (!value) return;
  ObjectReader metadata(*value, "metadata");
  chat.user = metadata.Get<std::string>("user_id", "");
  WarnUnread(metadata, chat.warnings);
}

void ReadServiceTier(ObjectReader& body) {
  const std::string tier = body.Get<std::string>("service_tier", "auto");
  if (tier != "auto" && tier != "standard_only")
    throw InvalidValue("service_tier", "expected one of auto, standard_only, but got '" + tier.substr(0, 80) + "'.");
}

// The model goes on with what the assistant has begun; a call is not to be gone on with.
void ContinueLastMessage(ChatRequest& chat) {
  const Message& last = chat.messages.back();
  if (last.role != "assistant" || !last.tool_calls.empty()) return;
  chat.continue_final_message = true;
  chat.add_generation_prompt = false;
}

// The object `name` is there; what is no object is refused.
bool HasObject(ObjectReader& body, const char* name) {
  const Json* value = body.Find(name);
  if (value && !value->is_object()) throw InvalidType(name, "an object", TypeName(*value));
  return value != nullptr;
}

MessagesRequest Parse(std::string_view bytes, bool only_counts) {
  const RequestBody request_body(bytes);
  const Places& places = request_body.places();
  ObjectReader body(request_body.json(), "");
  MessagesRequest request;
  ChatRequest& chat = request.chat;
  CheckFields(kMessages, body, chat.warnings);
  chat.model = body.Required<std::string>("model");
  chat.sampling = ReadSamplingFields(body);
  if (!only_counts && !chat.sampling.max_tokens) throw MissingField("max_tokens");
  chat.messages = ReadConversation(body, places, chat.warnings);
  ContinueLastMessage(chat);
  ReadMessagesTools(body, places, chat);
  ReadOutputConfig(body, places, chat);
  ReadMetadata(body, chat);
  ReadServiceTier(body);
  chat.streaming.stream = body.Get<bool>("stream", false);
  HasObject(body, "cache_control");
  request.context_management = HasObject(body, "context_management");
  request.diagnostics = HasObject(body, "diagnostics");
  return request;
}

}  // namespace

MessagesRequest ParseMessagesRequest(std::string_view body) { return Parse(body, /*only_counts=*/false); }

MessagesRequest ParseCountTokensRequest(std::string_view body) { return Parse(body, /*only_counts=*/true); }

}  // namespace puna::api
