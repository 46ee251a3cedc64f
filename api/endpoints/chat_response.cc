#include "api/endpoints/chat_response.h"

#include <nlohmann/json.hpp>

namespace puna::api {

using Json = nlohmann::ordered_json;

namespace {

Json TokenJson(const TokenLogprob& token, bool as_id) {
  Json json;
  json["token"] = TokenName(token, as_id);
  json["logprob"] = LogprobJson(token.logprob);
  json["bytes"] = BytesJson(token.bytes);
  return json;
}

Json ToolCallJson(const ToolCall& call) {
  Json json;
  json["id"] = call.id;
  if (call.custom) {
    json["type"] = "custom";
    json["custom"]["name"] = call.name;
    json["custom"]["input"] = call.arguments;
    return json;
  }
  json["type"] = "function";
  json["function"]["name"] = call.name;
  json["function"]["arguments"] = call.arguments;
  return json;
}

Json ToolCallDeltaJson(const ToolCallDelta& delta) {
  const char* type = delta.custom ? "custom" : "function";
  Json json;
  json["index"] = delta.index;
  if (!delta.id.empty()) {
    json["id"] = delta.id;
    json["type"] = type;
    json[type]["name"] = delta.name;
  }
  json[type][delta.custom ? "input" : "arguments"] = delta.arguments;
  return json;
}

Json FunctionCallDeltaJson(const ToolCallDelta& delta) {
  Json json;
  if (!delta.id.empty()) json["name"] = delta.name;
  json["arguments"] = delta.arguments;
  return json;
}

std::string LegacyReason(const std::string& finish_reason) {
  return finish_reason == "tool_calls" ? "function_call" : finish_reason;
}

void AddCalls(const ChatChoice& choice, Json& message) {
  if (choice.legacy && !choice.tool_calls.empty()) {
    message["function_call"]["name"] = choice.tool_calls.front().name;
    message["function_call"]["arguments"] = choice.tool_calls.front().arguments;
    return;
  }
  for (const ToolCall& call : choice.tool_calls) message["tool_calls"].push_back(ToolCallJson(call));
}

Json ChoiceJson(const ChatChoice& choice, bool tokens_as_ids) {
  Json message;
  message["role"] = "assistant";
  message["content"] = choice.content;
  if (choice.content.empty() && !choice.tool_calls.empty()) message["content"] = nullptr;
  message["refusal"] = nullptr;
  AddCalls(choice, message);
  Json json;
  json["index"] = choice.index;
  json["message"] = std::move(message);
  json["logprobs"] = choice.logprobs ? ChatLogprobsJson(*choice.logprobs, tokens_as_ids) : Json();
  json["finish_reason"] = choice.legacy ? LegacyReason(choice.finish_reason) : choice.finish_reason;
  return json;
}

}  // namespace

Json ChatLogprobsJson(const std::vector<PositionLogprobs>& positions, bool tokens_as_ids) {
  Json content = Json::array();
  for (const PositionLogprobs& position : positions) {
    Json token = TokenJson(position.token, tokens_as_ids);
    Json& top = token["top_logprobs"] = Json::array();
    for (const TokenLogprob& other : position.top) top.push_back(TokenJson(other, tokens_as_ids));
    content.push_back(std::move(token));
  }
  Json json;
  json["content"] = std::move(content);
  json["refusal"] = nullptr;
  return json;
}

std::string ChatCompletionJson(const ResponseHead& head, const std::vector<ChatChoice>& choices, const Usage& usage,
                               bool tokens_as_ids) {
  Json json = HeadJson(head, "chat.completion");
  Json& list = json["choices"] = Json::array();
  for (const ChatChoice& choice : choices) list.push_back(ChoiceJson(choice, tokens_as_ids));
  json["usage"] = UsageJson(usage);
  return Dump(json);
}

std::string ChatChunks::Chunk(int index, Json delta, const std::vector<PositionLogprobs>* logprobs,
                              const std::string& finish_reason) const {
  Json choice;
  choice["index"] = index;
  choice["delta"] = std::move(delta);
  choice["logprobs"] = logprobs && !logprobs->empty() ? ChatLogprobsJson(*logprobs, tokens_as_ids_) : Json();
  choice["finish_reason"] = finish_reason.empty() ? Json() : Json(finish_reason);
  Json json = HeadJson(head_, "chat.completion.chunk");
  json["choices"] = Json::array();
  json["choices"].push_back(std::move(choice));
  if (include_usage_) json["usage"] = nullptr;
  return Dump(json);
}

std::string ChatChunks::Role(int index) const {
  Json delta;
  delta["role"] = "assistant";
  delta["content"] = "";
  delta["refusal"] = nullptr;
  return Chunk(index, std::move(delta), nullptr, "");
}

std::string ChatChunks::Delta(int index, const OutputDelta& output,
                              const std::vector<PositionLogprobs>* logprobs) const {
  Json delta = Json::object();
  if (!output.content.empty()) delta["content"] = output.content;
  // One entry a call: clients that put the pieces together take the entries of a chunk for
  // different calls.
  std::vector<ToolCallDelta> calls;
  for (const ToolCallDelta& call : output.calls) {
    if (!calls.empty() && calls.back().index == call.index && call.id.empty())
      calls.back().arguments += call.arguments;
    else
      calls.push_back(call);
  }
  if (legacy_ && !calls.empty()) delta["function_call"] = FunctionCallDeltaJson(calls.front());
  for (const ToolCallDelta& call : calls) {
    if (!legacy_) delta["tool_calls"].push_back(ToolCallDeltaJson(call));
  }
  return Chunk(index, std::move(delta), logprobs, "");
}

std::string ChatChunks::Finish(int index, const std::string& finish_reason,
                               const std::vector<PositionLogprobs>* logprobs) const {
  return Chunk(index, Json::object(), logprobs, legacy_ ? LegacyReason(finish_reason) : finish_reason);
}

std::string ChatChunks::UsageChunk(const Usage& usage) const {
  Json json = HeadJson(head_, "chat.completion.chunk");
  json["choices"] = Json::array();
  json["usage"] = UsageJson(usage);
  return Dump(json);
}

}  // namespace puna::api
