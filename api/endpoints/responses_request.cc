#include "api/endpoints/responses_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/endpoints/chat_request.h"
#include "api/fields/metadata.h"
#include "api/fields/request_fields.h"
#include "api/fields/tool_reader.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {

namespace {

// Whether log-probabilities are wanted.
bool ReadInclude(ObjectReader& body, Warnings& warnings) {
  bool logprobs = false;
  const Json* value = body.Find("include");
  if (!value) return false;
  size_t i = 0;
  for (const Json& entry : ReadArray(*value, "include")) {
    const std::string name = ReadValue<std::string>(entry, IndexPath("include", i++));
    if (name == "message.output_text.logprobs")
      logprobs = true;
    else if (name != "reasoning.encrypted_content")  // of which nothing is left out: there is no reasoning
      warnings.Add("'include' " + name.substr(0, 80) + " has no effect: there is no such output");
  }
  return logprobs;
}

OutputFormat ReadText(ObjectReader& body, const Places& places, Warnings& warnings) {
  const Json* value = body.Find("text");
  if (!value) return {};
  ObjectReader object(*value, "text");
  const std::optional<std::string> verbosity = object.Optional<std::string>("verbosity");
  if (verbosity && *verbosity != "medium") {
    warnings.Add("'text.verbosity' has no effect: the model has no such setting; say it in words");
  }
  OutputFormat format;
  if (const Json* inner = object.Find("format")) {
    ObjectReader reader(*inner, "text.format");
    format = ReadFormatObject(reader, places, /*wrapped=*/false, warnings);
  }
  WarnUnread(object, warnings);
  return format;
}

bool ReadTruncation(ObjectReader& body) {
  const std::string truncation = body.Get<std::string>("truncation", "disabled");
  if (truncation != "auto" && truncation != "disabled") {
    throw InvalidValue("truncation", "expected auto or disabled, but got '" + truncation.substr(0, 80) + "'.");
  }
  return truncation == "auto";
}

// None: nothing is compacted. Of several thresholds the lowest is reached first.
std::optional<int> ReadCompactThreshold(ObjectReader& body, Warnings& warnings) {
  constexpr int kMostTokens = 1 << 30;
  std::optional<int> threshold;
  const Json* value = body.Find("context_management");
  if (!value) return threshold;
  size_t i = 0;
  for (const Json& entry : ReadArray(*value, "context_management")) {
    ObjectReader object(entry, IndexPath("context_management", i++));
    const std::string type = object.Required<std::string>("type");
    if (type != "compaction") {
      throw InvalidValue(object.Path("type"), "expected compaction, but got '" + type.substr(0, 80) + "'.",
                         "unsupported_value");
    }
    const int tokens = object.Optional<int>("compact_threshold", 1, kMostTokens).value_or(0);
    const bool lower = tokens > 0 && threshold && tokens < *threshold;
    if (threshold.value_or(0) == 0 || lower) threshold = tokens;
    WarnUnread(object, warnings);
  }
  return threshold;
}

// Whether the input ends with a compaction_trigger, which it loses: it is nothing that was said.
bool TakeTrigger(std::vector<ResponseItem>& input) {
  const auto is_trigger = [](const ResponseItem& item) { return item.kind == ResponseItem::Kind::kCompactionTrigger; };
  const bool triggered = !input.empty() && is_trigger(input.back());
  if (triggered) input.pop_back();
  if (std::any_of(input.begin(), input.end(), is_trigger))
    throw InvalidValue("input", "a compaction_trigger must be the last item.");
  return triggered;
}

// By its id, or as an object with it; empty: none.
std::string ReadConversation(ObjectReader& body, Warnings& warnings) {
  const Json* value = body.Find("conversation");
  if (!value) return {};
  if (body.Has("previous_response_id"))
    throw InvalidValue("conversation", "it cannot stand beside 'previous_response_id'.",
                       "mutually_exclusive_parameters");
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_object()) throw InvalidType("conversation", "a string or an object", TypeName(*value));
  ObjectReader object(*value, "conversation");
  const std::string id = object.Required<std::string>("id");
  WarnUnread(object, warnings);
  return id;
}

void ReadStreamOptions(ObjectReader& body, ResponsesRequest& request) {
  request.stream = body.Get<bool>("stream", false);
  const Json* value = body.Find("stream_options");
  if (!value) return;
  ObjectReader options(*value, "stream_options");
  if (!request.stream) throw InvalidValue("stream_options", "it is only allowed when 'stream' is true.");
  if (options.Get<bool>("include_obfuscation", false)) {
    request.warnings.Add("'stream_options.include_obfuscation' has no effect: events are not padded");
  }
  WarnUnread(options, request.warnings);
}

// Of the items of the input that bring some. Agents send their history again: what was brought twice counts once, as it came last.
void ReadAdditionalTools(ObjectReader& body, const Places& places, ResponsesRequest& request) {
  const Json* input = body.Find("input");
  if (!input || !input->is_array()) return;
  for (size_t i = 0; i < input->size(); ++i) {
    const Json& value = (*input)[i];
    if (!value.is_object() || value.value("type", Json()) != kAdditionalTools) continue;
    ObjectReader item(value, IndexPath("input", i));
    for (const char* name : {"type", "role", "id", "status"}) item.Find(name);
    item.Require("tools");
    AddTools(ReadTools(item, places, ToolForm::kFlat, request.warnings), request.tools);
    WarnUnread(item, request.warnings);
  }
}

void ReadTools(ObjectReader& body, const Places& places, ResponsesRequest& request) {
  request.tools = ReadTools(body, places, ToolForm::kFlat, request.warnings);
  ReadAdditionalTools(body, places, request);
  request.tool_choice = ReadToolChoice(body, request.tools, ToolForm::kFlat, request.warnings);
  request.parallel_tool_calls = body.Get<bool>("parallel_tool_calls", true);
}

}  // namespace

ResponsesRequest ParseResponsesRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  const Places& places = request_body.places();
  ObjectReader body(request_body.json(), "");
  ResponsesRequest request;
  CheckFields(kResponses, body, request.warnings);
  request.model = body.Get<std::string>("model", "");
  request.instructions = body.Get<std::string>("instructions", "");
  request.previous_response_id = body.Get<std::string>("previous_response_id", "");
  request.conversation = ReadConversation(body, request.warnings);
  const bool goes_on = !request.previous_response_id.empty() || !request.conversation.empty();
  if (!goes_on || body.Has("input")) request.input = ReadItems(body.Require("input"), "input", request.warnings);
  request.only_compacts = TakeTrigger(request.input);
  request.compact_threshold = ReadCompactThreshold(body, request.warnings);
  if (request.input.empty() && request.instructions.empty() && !goes_on) {
    throw InvalidValue("input", "there must be at least one item.", "empty_array");
  }
  ReadTools(body, places, request);
  request.sampling = ReadSamplingCore(body);
  request.sampling.max_tokens = ReadTokenBound(body, "max_output_tokens", 1);
  request.sampling.max_tokens_param = "max_output_tokens";
  request.format = ReadText(body, places, request.warnings);
  ReadStreamOptions(body, request);
  request.store = body.Get<bool>("store", true);
  request.background = body.Get<bool>("background", false);
  if (request.background && !request.store)
    throw InvalidValue("background", "it needs 'store', or nobody could come back for the response.");
  request.truncation_auto = ReadTruncation(body);
  const bool logprobs = ReadInclude(body, request.warnings);
  const int top = body.Optional<int>("top_logprobs", 0, kMaxLogprobs).value_or(0);
  request.num_logprobs = logprobs || top > 0 ? top : -1;
  request.user = body.Get<std::string>("user", body.Get<std::string>("safety_identifier", ""));
  request.service_tier = ReadServiceTier(body, request.warnings);
  body.Optional<std::string>("prompt_cache_key");
  const Json* client_metadata = body.Find("client_metadata");
  if (client_metadata && !client_metadata->is_object())
    throw InvalidType("client_metadata", "an object", TypeName(*client_metadata));
  request.metadata_json = ReadMetadata(body, places);
  request.tools_json = places.TextOf(body.json(), "tools");
  request.tool_choice_json = places.TextOf(body.json(), "tool_choice");
  request.text_json = places.TextOf(body.json(), "text");
  request.reasoning_json = places.TextOf(body.json(), "reasoning");
  request.prompt_cache_key_json = places.TextOf(body.json(), "prompt_cache_key");
  request.safety_identifier_json = places.TextOf(body.json(), "safety_identifier");
  return request;
}

}  // namespace puna::api
