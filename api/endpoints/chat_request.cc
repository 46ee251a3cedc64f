#include "api/endpoints/chat_request.h"

#include <nlohmann/json.hpp>

#include "api/fields/message_reader.h"
#include "api/fields/request_fields.h"
#include "api/fields/tool_reader.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {

namespace {

int ReadLogprobs(ObjectReader& body) {
  const bool logprobs = body.Get<bool>("logprobs", false);
  const std::optional<int> top = body.Optional<int>("top_logprobs", 0, kMaxLogprobs);
  if (top && *top > 0 && !logprobs) {
    throw InvalidValue("top_logprobs", "it is only allowed when 'logprobs' is true.");
  }
  return logprobs ? top.value_or(0) : -1;
}

std::string ReadPrediction(ObjectReader& body, Warnings& warnings) {
  const Json* value = body.Find("prediction");
  if (!value) return {};
  ObjectReader prediction(*value, "prediction");
  if (prediction.Required<std::string>("type") != "content") {
    throw InvalidValue("prediction.type", "expected 'content'.");
  }
  std::string text = ReadTextContent(prediction, "content", {"text"}, warnings);
  WarnUnread(prediction, warnings);
  return text;
}

void ReadTemplateFields(ObjectReader& body, const Places& places, ChatRequest& request) {
  request.add_generation_prompt = body.Get<bool>("add_generation_prompt", true);
  request.continue_final_message = body.Get<bool>("continue_final_message", false);
  request.echo = body.Get<bool>("echo", false);
  if (request.continue_final_message) {
    if (body.Has("add_generation_prompt") && request.add_generation_prompt) {
      throw InvalidValue("continue_final_message", "it contradicts 'add_generation_prompt'.");
    }
    request.add_generation_prompt = false;
  }
  if (const Json* kwargs = body.Find("chat_template_kwargs")) {
    if (!kwargs->is_object()) throw InvalidType("chat_template_kwargs", "an object", TypeName(*kwargs));
    request.chat_template_kwargs = places.TextOf(*kwargs);
  }
}

// `tools`, or `functions` from clients that have not heard of them.
void ReadCallables(ObjectReader& body, const Places& places, ChatRequest& request) {
  request.parallel_tool_calls = body.Get<bool>("parallel_tool_calls", true);
  request.tools = ReadLegacyFunctions(body, places, request.warnings);
  const ToolChoice legacy_choice = ReadLegacyChoice(body, request.tools, request.warnings);
  if (request.tools.empty()) {
    request.tools = ReadTools(body, places, ToolForm::kNested, request.warnings);
    request.tool_choice = ReadToolChoice(body, request.tools, ToolForm::kNested, request.warnings);
    return;
  }
  for (const char* name : {"tools", "tool_choice"}) {
    if (body.Has(name))
      throw InvalidValue("functions", std::string("it contradicts '") + name + "'; give one of them.");
  }
  request.legacy_functions = true;
  request.parallel_tool_calls = false;
  request.tool_choice = legacy_choice;
}

}  // namespace

ChatRequest ParseChatRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  const Places& places = request_body.places();
  ObjectReader body(request_body.json(), "");
  ChatRequest request;
  CheckFields(kChat, body, request.warnings);
  request.model = body.Get<std::string>("model", "");
  request.messages = ReadMessages(body.Require("messages"), places, "messages", request.warnings);
  ReadCallables(body, places, request);
  request.sampling = ReadSampling(body, /*min_max_tokens=*/1);
  request.format = ReadOutputFormat(body, places, request.warnings);
  request.streaming = ReadStream(body, request.warnings);
  request.n = body.Optional<int>("n", 1, kMaxChoices).value_or(1);
  request.num_logprobs = ReadLogprobs(body);
  request.prediction = ReadPrediction(body, request.warnings);
  ReadTemplateFields(body, places, request);
  request.tokens_as_ids = body.Get<bool>("return_tokens_as_token_ids", false);
  request.user = body.Get<std::string>("user", "");
  const std::string safety = body.Get<std::string>("safety_identifier", "");
  if (request.user.empty()) request.user = safety;
  request.service_tier = ReadServiceTier(body, request.warnings);
  body.Optional<std::string>("prompt_cache_key");
  return request;
}

}  // namespace puna::api
