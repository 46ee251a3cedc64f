#include "api/endpoints/tokenize.h"

#include <nlohmann/json.hpp>

#include "api/fields/message_reader.h"
#include "api/fields/request_fields.h"
#include "api/fields/response_parts.h"
#include "api/fields/tool_reader.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {

namespace {

void ReadConversation(ObjectReader& body, const Places& places, TokenizeRequest& request) {
  request.messages = ReadMessages(body.Require("messages"), places, "messages", request.warnings);
  request.tools = ReadTools(body, places, ToolForm::kNested, request.warnings);
  request.continue_final_message = body.Get<bool>("continue_final_message", false);
  request.add_generation_prompt = body.Get<bool>("add_generation_prompt", !request.continue_final_message);
  if (request.continue_final_message && request.add_generation_prompt) {
    throw InvalidValue("continue_final_message", "it contradicts 'add_generation_prompt'.");
  }
  if (const Json* kwargs = body.Find("chat_template_kwargs")) {
    if (!kwargs->is_object()) throw InvalidType("chat_template_kwargs", "an object", TypeName(*kwargs));
    request.chat_template_kwargs = places.TextOf(*kwargs);
  }
  if (body.Has("chat_template")) throw Unsupported("chat_template", "only the operator chooses the template.");
}

}  // namespace

TokenizeRequest ParseTokenizeRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  TokenizeRequest request;
  request.model = body.Get<std::string>("model", "");
  request.prompt = body.Optional<std::string>("prompt");
  if (request.prompt && body.Has("messages")) {
    throw InvalidValue("messages", "it contradicts 'prompt'; give one of them.");
  }
  if (!request.prompt) {
    if (!body.Has("messages")) throw MissingField("prompt");
    ReadConversation(body, request_body.places(), request);
  }
  request.add_special_tokens = body.Get<bool>("add_special_tokens", request.prompt.has_value());
  request.return_token_strs = body.Get<bool>("return_token_strs", false);
  WarnUnread(body, request.warnings);
  return request;
}

std::string TokenizeJson(const std::vector<int>& tokens, int max_model_len,
                         const std::vector<std::string>* token_strs) {
  Json json;
  json["count"] = tokens.size();
  json["max_model_len"] = max_model_len;
  json["tokens"] = tokens;
  json["token_strs"] = token_strs ? Json(*token_strs) : Json();
  return Dump(json);
}

DetokenizeRequest ParseDetokenizeRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  DetokenizeRequest request;
  request.model = body.Get<std::string>("model", "");
  size_t i = 0;
  for (const Json& token : ReadArray(body.Require("tokens"), "tokens")) {
    request.tokens.push_back(ReadValue<int>(token, IndexPath("tokens", i++), 0, INT32_MAX));
  }
  WarnUnread(body, request.warnings);
  return request;
}

std::string DetokenizeJson(const std::string& prompt) {
  Json json;
  json["prompt"] = prompt;
  return Dump(json);
}

std::string InputTokensJson(size_t count) {
  Json json;
  json["object"] = "response.input_tokens";
  json["input_tokens"] = count;
  return Dump(json);
}

}  // namespace puna::api
