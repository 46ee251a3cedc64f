#include "server/model/message_values.h"

#include <string>
#include <string_view>
#include <utility>

#include "api/json/raw_json.h"
#include "api/template/json_value.h"

namespace puna::server {
namespace {

using api::jinja::Value;

using Entries = std::vector<std::pair<Value, Value>>;

Value Text(std::string_view text) { return Value::Untrusted(nullptr, text); }

Value DictOf(Entries entries) { return Value::Dict(nullptr, std::move(entries)); }

// What every message has, made once for all of them.
struct MessageWords {
  Value role = Text("role"), content = Text("content");
  Value user = Text("user"), assistant = Text("assistant");

  Value RoleOf(const api::Message& message) const {
    return message.role == user.bytes() ? user : message.role == assistant.bytes() ? assistant : Text(message.role);
  }
};

Value ArgumentsOf(const std::string& arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == std::string::npos) return DictOf({});
  return api::IsJsonObject(arguments) ? api::jinja::ParseJson(arguments, "the arguments of a call") : Text(arguments);
}

Value CallOf(const api::ToolCall& call) {
  Entries entries = {{Text("type"), Text("function")}};
  if (!call.id.empty()) entries.emplace_back(Text("id"), Text(call.id));
  entries.emplace_back(Text("function"),
                       DictOf({{Text("name"), Text(call.name)}, {Text("arguments"), ArgumentsOf(call.arguments)}}));
  return DictOf(std::move(entries));
}

Value ContentOf(const api::Message& message) {
  return message.content_json.empty() ? Text(message.content)
                                      : api::jinja::ParseJson(message.content_json, "a tool's result");
}

Value MessageOf(const api::Message& message, const MessageWords& words) {
  Entries entries;
  entries.reserve(5);
  entries.emplace_back(words.role, words.RoleOf(message));
  entries.emplace_back(words.content, ContentOf(message));
  if (!message.name.empty()) entries.emplace_back(Text("name"), Text(message.name));
  if (!message.tool_call_id.empty()) entries.emplace_back(Text("tool_call_id"), Text(message.tool_call_id));
  if (!message.tool_calls.empty()) {
    std::vector<Value> calls;
    for (const api::ToolCall& call : message.tool_calls) calls.push_back(CallOf(call));
    entries.emplace_back(Text("tool_calls"), Value::List(nullptr, std::move(calls)));
  }
  return DictOf(std::move(entries));
}

}  // namespace

Value MessageValues(const std::vector<api::Message>& messages) {
  std::vector<Value> values;
  values.reserve(messages.size());
  const MessageWords words;
  for (const api::Message& message : messages) values.push_back(MessageOf(message, words));
  return Value::List(nullptr, std::move(values));
}

}  // namespace puna::server
