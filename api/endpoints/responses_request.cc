#include "api/endpoints/responses_request.h"

#include <nlohmann/json.hpp>

#include "api/endpoints/chat_request.h"
#include "api/fields/request_fields.h"
#include "api/fields/tool_reader.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/raw_json.h"
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
    else
      warnings.Add("'include' " + name.substr(0, 80) + " has no effect: there is no such output");
  }
  return logprobs;
}

OutputFormat ReadText(ObjectReader& body, std::string_view text, Warnings& warnings) {
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
    format = ReadFormatObject(reader, RawMember(RawMember(text, "text"), "format"),
                              /*wrapped=*/false, warnings);
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

std::string ReadMetadata(ObjectReader& body, std::string_view text) {
  const Json* value = body.Find("metadata");
  if (!value) return {};
  if (!value->is_object()) throw InvalidType("metadata", "an object", TypeName(*value));
  if (value->size() > 16) {
    throw InvalidValue("metadata", "at most 16 entries can be given.", "object_above_max_properties");
  }
  for (const auto& [key, entry] : value->items()) {
    const std::string path = MemberPath("metadata", key);
    if (key.size() > 64) throw InvalidValue(path, "a key has at most 64 bytes.");
    if (ReadValue<std::string>(entry, path).size() > 512) throw InvalidValue(path, "a value has at most 512 bytes.");
  }
  return std::string(RawMember(text, "metadata"));
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

void ReadTools(ObjectReader& body, std::string_view text, ResponsesRequest& request) {
  request.tools = ReadTools(body, text, ToolForm::kFlat, request.warnings);
  request.tool_choice = ReadToolChoice(body, request.tools, ToolForm::kFlat, request.warnings);
  request.parallel_tool_calls = body.Get<bool>("parallel_tool_calls", true);
}

}  // namespace

ResponsesRequest ParseResponsesRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  const std::string_view text = request_body.text();
  ObjectReader body(request_body.json(), "");
  ResponsesRequest request;
  CheckFields(kResponses, body, request.warnings);
  request.model = body.Get<std::string>("model", "");
  request.instructions = body.Get<std::string>("instructions", "");
  request.previous_response_id = body.Get<std::string>("previous_response_id", "");
  request.input = ReadItems(body.Require("input"), "input", request.warnings);
  if (request.input.empty() && request.instructions.empty() && request.previous_response_id.empty()) {
    throw InvalidValue("input", "there must be at least one item.", "empty_array");
  }
  ReadTools(body, text, request);
  request.sampling = ReadSamplingCore(body);
  request.sampling.max_tokens = ReadTokenBound(body, "max_output_tokens", 1);
  request.sampling.max_tokens_param = "max_output_tokens";
  request.format = ReadText(body, text, request.warnings);
  ReadStreamOptions(body, request);
  request.store = body.Get<bool>("store", true);
  request.truncation_auto = ReadTruncation(body);
  const bool logprobs = ReadInclude(body, request.warnings);
  const int top = body.Optional<int>("top_logprobs", 0, kMaxLogprobs).value_or(0);
  request.num_logprobs = logprobs || top > 0 ? top : -1;
  request.user = body.Get<std::string>("user", body.Get<std::string>("safety_identifier", ""));
  request.service_tier = ReadServiceTier(body, request.warnings);
  request.metadata_json = ReadMetadata(body, text);
  request.tools_json = RawMember(text, "tools");
  request.tool_choice_json = RawMember(text, "tool_choice");
  request.text_json = RawMember(text, "text");
  request.reasoning_json = RawMember(text, "reasoning");
  return request;
}

}  // namespace puna::api
