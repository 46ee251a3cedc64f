#include "api/endpoints/ollama_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/endpoints/ollama_options.h"
#include "api/fields/request_fields.h"
#include "api/fields/tool_reader.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {
namespace {

// The calls of the last assistant's message that have no result yet.
using OpenCalls = std::vector<ToolCall>;

void RefuseImages(ObjectReader& object) {
  const Json* images = object.Find("images");
  if (images && !ReadArray(*images, object.Path("images")).empty())
    throw Unsupported(object.Path("images"), "this model reads text only.");
}

ToolCall ReadCall(const Json& value, const Places& places, const std::string& path, size_t number, Warnings& warnings) {
  ObjectReader call(value, path);
  ObjectReader function(call.Require("function"), call.Path("function"));
  ToolCall result{call.Get<std::string>("id", "call_" + std::to_string(number)), function.Required<std::string>("name"),
                  "{}"};
  if (const Json* arguments = function.Find("arguments")) {
    if (!arguments->is_object() && !arguments->is_string())
      throw InvalidType(function.Path("arguments"), "an object", TypeName(*arguments));
    result.arguments = arguments->is_string() ? arguments->get<std::string>() : std::string(places.TextOf(*arguments));
  }
  for (const char* name : {"index", "description"}) function.Find(name);
  call.Find("type");
  WarnUnread(function, warnings);
  WarnUnread(call, warnings);
  return result;
}

void ReadCalls(ObjectReader& message, const Places& places, size_t before, Message& result, Warnings& warnings) {
  const Json* value = message.Find("tool_calls");
  if (!value) return;
  const std::string path = message.Path("tool_calls");
  const auto& array = ReadArray(*value, path);
  for (size_t i = 0; i < array.size(); ++i)
    result.tool_calls.push_back(ReadCall(array[i], places, IndexPath(path, i), before + i, warnings));
}

// A result says whose it is by id, by the tool's name, or by where it stands.
void ReadResult(ObjectReader& message, OpenCalls& open, Message& result) {
  result.tool_call_id = message.Get<std::string>("tool_call_id", "");
  result.name = message.Get<std::string>("tool_name", message.Get<std::string>("name", ""));
  const auto belongs = [&](const ToolCall& call) {
    if (!result.tool_call_id.empty()) return call.id == result.tool_call_id;
    return result.name.empty() || call.name == result.name;
  };
  const auto call = std::find_if(open.begin(), open.end(), belongs);
  if (call == open.end()) return;
  result.tool_call_id = call->id;
  open.erase(call);
}

Message ReadMessage(const Json& value, const Places& places, const std::string& path, OpenCalls& open,
                    size_t& num_calls, Warnings& warnings) {
  ObjectReader message(value, path);
  Message result;
  result.role = message.Required<std::string>("role");
  const bool known =
      result.role == "system" || result.role == "user" || result.role == "assistant" || result.role == "tool";
  if (!known)
    throw InvalidValue(message.Path("role"),
                       "expected one of system, user, assistant, tool, but got '" + result.role.substr(0, 80) + "'.");
  result.content = message.Get<std::string>("content", "");
  RefuseImages(message);
  message.Find("thinking");
  ReadCalls(message, places, num_calls, result, warnings);
  num_calls += result.tool_calls.size();
  if (result.role == "tool")
    ReadResult(message, open, result);
  else
    open = result.tool_calls;
  WarnUnread(message, warnings);
  return result;
}

void ReadMessages(ObjectReader& body, const Places& places, OllamaRequest& request) {
  const Json* value = body.Find("messages");
  if (!value) return;
  const auto& array = ReadArray(*value, "messages");
  OpenCalls open;
  size_t num_calls = 0;
  for (size_t i = 0; i < array.size(); ++i)
    request.chat.messages.push_back(
        ReadMessage(array[i], places, IndexPath("messages", i), open, num_calls, request.chat.warnings));
}

// "" for none, "json", or a schema.
void ReadFormat(ObjectReader& body, const Places& places, OutputFormat& format) {
  const Json* value = body.Find("format");
  if (!value || *value == "") return;
  format.param = "format";
  if (*value == "json") {
    format.kind = OutputFormat::Kind::kJsonObject;
  } else if (value->is_object()) {
    format.kind = OutputFormat::Kind::kJsonSchema;
    format.source = places.TextOf(*value);
  } else if (value->is_string()) {
    throw InvalidValue("format", "expected \"json\" or a JSON Schema.");
  } else {
    throw InvalidType("format", "\"json\" or a JSON Schema", TypeName(*value));
  }
}

void RefuseThinking(ObjectReader& body, const std::string& model) {
  const Json* think = body.Find("think");
  if (!think || *think == false) return;
  if (!think->is_boolean() && !think->is_string()) throw InvalidType("think", "a boolean", TypeName(*think));
  throw Unsupported("think", "\"" + model.substr(0, 80) + "\" does not support thinking.");
}

// Seconds, or a text as "5m"; only 0 asks for something.
bool ReadUnload(ObjectReader& body) {
  const Json* value = body.Find("keep_alive");
  if (!value) return false;
  if (!value->is_number() && !value->is_string())
    throw InvalidType("keep_alive", "seconds or a text as \"5m\"", TypeName(*value));
  return *value == 0 || *value == "0" || *value == "0s";
}

void ReadCommon(ObjectReader& body, const Places& places, OllamaRequest& request) {
  ChatRequest& chat = request.chat;
  chat.model = body.Required<std::string>("model");
  ReadOllamaOptions(body, request);
  ReadFormat(body, places, chat.format);
  RefuseThinking(body, chat.model);
  request.unload = ReadUnload(body);
  chat.streaming.stream = body.Get<bool>("stream", true);
  request.truncate = body.Get<bool>("truncate", true);
  const bool logprobs = body.Get<bool>("logprobs", false);
  const std::optional<int> top = body.Optional<int>("top_logprobs", 0, kMaxLogprobs);
  if (logprobs || top.value_or(0) > 0) chat.num_logprobs = top.value_or(0);
}

void AddMessage(const char* role, std::string content, ChatRequest& chat) {
  Message& message = chat.messages.emplace_back();
  message.role = role;
  message.content = std::move(content);
}

// What is raw has its form already.
void CheckRaw(ObjectReader& body) {
  for (const char* name : {"system", "template", "context"}) {
    const Json* value = body.Find(name);
    if (value && !value->empty() && *value != "")
      throw InvalidValue("raw", std::string("it contradicts '") + name + "'.");
  }
}

// A string or strings; `name` is where they stand.
EmbeddingsRequest ReadTexts(ObjectReader& body, const char* name) {
  EmbeddingsRequest request;
  request.model = body.Required<std::string>("model");
  const Json& value = body.Require(name);
  if (value.is_string()) {
    request.inputs.emplace_back(value.get<std::string>());
    return request;
  }
  if (!value.is_array()) throw InvalidType(name, "a string or an array of strings", TypeName(value));
  const auto& array = ReadArray(value, name);
  if (array.empty()) throw InvalidValue(name, "there must be at least one text.", "empty_array");
  for (size_t i = 0; i < array.size(); ++i)
    request.inputs.emplace_back(ReadValue<std::string>(array[i], IndexPath(name, i)));
  return request;
}

}  // namespace

OllamaRequest ParseOllamaChat(std::string_view bytes) {
  const RequestBody request_body(bytes);
  const Places& places = request_body.places();
  ObjectReader body(request_body.json(), "");
  OllamaRequest request;
  CheckFields(kOllamaChat, body, request.chat.warnings);
  ReadCommon(body, places, request);
  ReadMessages(body, places, request);
  request.chat.tools = ReadTools(body, places, ToolForm::kNested, request.chat.warnings);
  if (request.chat.tools.empty()) request.chat.tool_choice.mode = ToolChoice::Mode::kNone;
  request.only_load = request.chat.messages.empty();
  return request;
}

OllamaRequest ParseOllamaGenerate(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  OllamaRequest request;
  request.generate = true;
  CheckFields(kOllamaGenerate, body, request.chat.warnings);
  ReadCommon(body, request_body.places(), request);
  request.chat.tool_choice.mode = ToolChoice::Mode::kNone;
  RefuseImages(body);
  const auto prompt = body.Get<std::string>("prompt", "");
  const auto system = body.Get<std::string>("system", "");
  request.raw = body.Get<bool>("raw", false);
  request.only_load = prompt.empty() && system.empty();
  if (request.raw) {
    CheckRaw(body);
    request.prompt = prompt;
    return request;
  }
  if (!system.empty()) AddMessage("system", system, request.chat);
  AddMessage("user", prompt, request.chat);
  return request;
}

EmbeddingsRequest ParseOllamaEmbed(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  Warnings warnings;
  CheckFields(kOllamaEmbed, body, warnings);
  EmbeddingsRequest request = ReadTexts(body, "input");
  request.warnings = std::move(warnings);
  request.dimensions = body.Optional<int>("dimensions", 1, 1 << 20);
  ReadUnload(body);
  return request;
}

EmbeddingsRequest ParseOllamaEmbeddings(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  EmbeddingsRequest request = ReadTexts(body, "prompt");
  if (request.inputs.size() > 1) throw InvalidValue("prompt", "expected one text; /api/embed takes several.");
  for (const char* name : {"options", "keep_alive"}) body.Find(name);
  WarnUnread(body, request.warnings);
  return request;
}

OllamaNameRequest ParseOllamaName(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  const std::string older = body.Get<std::string>("name", "");
  OllamaNameRequest request{body.Get<std::string>("model", older), body.Get<bool>("stream", true)};
  if (request.model.empty()) throw MissingField("model");
  return request;
}

}  // namespace puna::api
