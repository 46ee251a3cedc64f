#include "api/fields/message_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/fields/custom_tool.h"
#include "api/fields/request_fields.h"
#include "api/fields/tool_results.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/places.h"

namespace puna::api {

namespace {

std::string ReadRole(ObjectReader& message) {
  const std::string role = message.Required<std::string>("role");
  if (role == "developer") return "system";
  if (role == "ipython" || role == "function") return "tool";
  if (role == "system" || role == "user" || role == "assistant" || role == "tool") return role;
  throw InvalidValue(message.Path("role"),
                     "expected one of system, developer, user, assistant, tool, but got '" + role.substr(0, 80) + "'.");
}

std::string ReadPart(ObjectReader& part, std::initializer_list<std::string_view> text_types, Warnings& warnings) {
  const std::string type = part.Required<std::string>("type");
  std::string text;
  if (std::find(text_types.begin(), text_types.end(), type) != text_types.end()) {
    text = part.Required<std::string>(type == "refusal" ? "refusal" : "text");
    // What OpenAI's own answers carry, sent back.
    part.Find("annotations");
    part.Find("logprobs");
  } else {
    throw InvalidValue(part.path(),
                       "a part of type '" + type.substr(0, 80) +
                           "' cannot be used: this model reads "
                           "text only.",
                       "unsupported_value");
  }
  WarnUnread(part, warnings);
  return text;
}

// Arguments are a string that holds JSON; some clients send the object itself.
std::string ReadArguments(ObjectReader& function, const Places& places) {
  if (function.IsNull("arguments")) return {};
  const Json& value = function.Require("arguments");
  if (value.is_object()) return std::string(places.TextOf(value));
  return ReadValue<std::string>(value, function.Path("arguments"));
}

void ReadCustomCall(ObjectReader& call, ToolCall& result, Warnings& warnings) {
  ObjectReader custom(call.Require("custom"), call.Path("custom"));
  result.name = custom.Required<std::string>("name");
  result.arguments = CustomArguments(custom.Get<std::string>("input", ""));
  WarnUnread(custom, warnings);
  WarnUnread(call, warnings);
}

ToolCall ReadToolCall(const Json& value, const Places& places, const std::string& path, Warnings& warnings) {
  ObjectReader call(value, path);
  ToolCall result;
  result.id = call.Get<std::string>("id", "");
  const std::string type = call.Get<std::string>("type", "function");
  call.Find("index");  // accumulated stream deltas carry it
  if (type == "custom") {
    ReadCustomCall(call, result, warnings);
    return result;
  }
  if (type != "function")
    throw InvalidValue(call.Path("type"), "expected function or custom, but got '" + type.substr(0, 80) + "'.",
                       "unsupported_value");
  ObjectReader function(call.Require("function"), call.Path("function"));
  result.name = function.Required<std::string>("name");
  result.arguments = ReadArguments(function, places);
  WarnUnread(function, warnings);
  WarnUnread(call, warnings);
  return result;
}

void ReadToolCalls(ObjectReader& message, const Places& places, Message& result, Warnings& warnings) {
  const Json* value = message.Find("tool_calls");
  if (!value) return;
  const std::string path = message.Path("tool_calls");
  const auto& array = ReadArray(*value, path);
  constexpr size_t kMaxCalls = 1024;
  if (array.size() > kMaxCalls)
    throw InvalidValue(path, "at most 1024 calls can stand in one message.", "array_above_max_length");
  for (size_t i = 0; i < array.size(); ++i) {
    result.tool_calls.push_back(ReadToolCall(array[i], places, IndexPath(path, i), warnings));
  }
}

// What chat completions had before tool_calls. Its result comes with the role function and no id.
void ReadLegacyCall(ObjectReader& message, const Places& places, Message& result, Warnings& warnings) {
  const Json* value = message.Find("function_call");
  if (!value) return;
  if (!result.tool_calls.empty()) throw InvalidValue(message.Path("function_call"), "it contradicts 'tool_calls'.");
  ObjectReader function(*value, message.Path("function_call"));
  ToolCall call;
  call.name = function.Required<std::string>("name");
  call.arguments = ReadArguments(function, places);
  WarnUnread(function, warnings);
  result.tool_calls.push_back(std::move(call));
}

void ReadAssistant(ObjectReader& message, const Places& places, Message& result, Warnings& warnings) {
  if (message.Has("audio")) throw Unsupported(message.Path("audio"), "this model reads text only.");
  ReadToolCalls(message, places, result, warnings);
  ReadLegacyCall(message, places, result, warnings);
  const std::optional<std::string> refusal = message.Optional<std::string>("refusal");
  message.Find("annotations");
  if (message.Has("content")) {
    result.content = ReadTextContent(message, "content", {"text", "refusal"}, warnings);
  } else if (refusal) {
    result.content = *refusal;
  } else if (result.tool_calls.empty()) {
    throw MissingField(message.Path("content"));
  }
}

void ReadToolResult(ObjectReader& message, const Places& places, Message& result, Warnings& warnings) {
  result.tool_call_id = message.Get<std::string>("tool_call_id", "");
  if (message.IsNull("content")) return;
  const Json& content = message.Require("content");
  // Templates print a result that is not text by their own rules.
  if (content.is_object() || content.is_number() || content.is_boolean()) {
    result.content_json = places.TextOf(content);
  } else {
    result.content = ReadTextContent(message, "content", {"text"}, warnings);
  }
}

Message ReadMessage(const Json& value, const Places& places, const std::string& path, Warnings& warnings) {
  ObjectReader message(value, path);
  Message result;
  result.role = ReadRole(message);
  result.name = message.Get<std::string>("name", "");
  if (result.role == "assistant") {
    ReadAssistant(message, places, result, warnings);
  } else if (result.role == "tool") {
    ReadToolResult(message, places, result, warnings);
  } else {
    result.content = ReadTextContent(message, "content", {"text"}, warnings);
  }
  WarnUnread(message, warnings);
  return result;
}

}  // namespace

std::string ReadTextContent(ObjectReader& object, std::string_view member,
                            std::initializer_list<std::string_view> text_types, Warnings& warnings) {
  const Json& content = object.Require(member);
  if (content.is_string()) return content.get<std::string>();
  const std::string path = object.Path(member);
  if (!content.is_array()) throw InvalidType(path, "a string or an array of parts", TypeName(content));
  std::string text;
  size_t i = 0;
  for (const Json& value : content) {
    ObjectReader part(value, IndexPath(path, i));
    if (i++ > 0) text += '\n';
    text += ReadPart(part, text_types, warnings);
  }
  return text;
}

std::vector<Message> ReadMessages(const Json& array, const Places& places, const std::string& path,
                                  Warnings& warnings) {
  const auto& values = ReadArray(array, path);
  if (values.empty()) throw InvalidValue(path, "there must be at least one message.", "empty_array");
  std::vector<Message> messages;
  messages.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    messages.push_back(ReadMessage(values[i], places, IndexPath(path, i), warnings));
  }
  MatchToolResults(messages, path);
  return messages;
}

}  // namespace puna::api
