#include "api/endpoints/messages_content.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/places.h"

namespace puna::api {
namespace {

constexpr std::string_view kBillingHeader = "x-anthropic-billing-header:";

void AppendText(std::string_view more, std::string& text) {
  if (more.empty()) return;
  if (!text.empty()) text += "\n\n";
  text += more;
}

// Calls read_one(element, its path) for each element of the array `value` from `first` on.
template <typename ReadOne>
void ForEach(const Json& value, const std::string& path, const ReadOne& read_one, size_t first = 0) {
  const auto& array = ReadArray(value, path);
  for (size_t i = first; i < array.size(); ++i) read_one(array[i], IndexPath(path, i));
}

std::string ReadTexts(const Json& content, const Places& places, const std::string& path, Warnings& warnings,
                      size_t first = 0);

// Of type text: it is one. Of the others only such a source is text.
std::string ReadDocument(ObjectReader& block, const Places& places, Warnings& warnings) {
  ObjectReader source(block.Require("source"), block.Path("source"));
  const std::string type = source.Required<std::string>("type");
  std::string text = block.Get<std::string>("title", "");
  AppendText(block.Get<std::string>("context", ""), text);
  if (type == "text") {
    AppendText(source.Required<std::string>("data"), text);
    source.Find("media_type");
  } else if (type == "content") {
    AppendText(ReadTexts(source.Require("content"), places, source.Path("content"), warnings), text);
  } else {
    throw InvalidValue(source.Path("type"),
                       "documents of type '" + type.substr(0, 80) + "' cannot be used: this model reads text only.",
                       "unsupported_value");
  }
  WarnUnread(source, warnings);
  return text;
}

std::string ReadSearchResult(ObjectReader& block, const Places& places, Warnings& warnings) {
  std::string text = block.Get<std::string>("title", "");
  AppendText(block.Get<std::string>("source", ""), text);
  AppendText(ReadTexts(block.Require("content"), places, block.Path("content"), warnings), text);
  return text;
}

// What Anthropic's own tools have done, and their references: the model reads them as they are written.
bool IsReadAsWritten(const std::string& type) {
  return type.ends_with("_tool_use") || type.ends_with("_tool_result") || type == "tool_reference";
}

// The text that a block of any role is; none for those that are no text.
std::optional<std::string> ReadTextBlock(ObjectReader& block, const std::string& type, const Places& places,
                                         Warnings& warnings) {
  if (type == "text") return block.Required<std::string>("text");
  if (type == "document") return ReadDocument(block, places, warnings);
  if (type == "search_result") return ReadSearchResult(block, places, warnings);
  if (type == "image" || type == "container_upload") {
    throw InvalidValue(block.path(), "a block of type '" + type + "' cannot be used: this model reads text only.",
                       "unsupported_value");
  }
  if (!IsReadAsWritten(type)) return std::nullopt;
  for (const auto& [name, value] : block.json().items()) block.Find(name);
  warnings.AddOnce("blocks of type " + type.substr(0, 80) + " are read as plain text");
  return std::string(places.TextOf(block.json()));
}

[[noreturn]] void ThrowUnknownBlock(ObjectReader& block, const std::string& type, const std::string& expected) {
  throw InvalidValue(block.Path("type"), "expected " + expected + ", but got '" + type.substr(0, 80) + "'.",
                     "unsupported_value");
}

// Asked of every block; neither changes what the model reads.
void PassOver(ObjectReader& block) {
  block.Find("cache_control");
  block.Find("citations");
}

// A string, or an array of blocks that are text, from `first` on.
std::string ReadTexts(const Json& content, const Places& places, const std::string& path, Warnings& warnings,
                      size_t first) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) throw InvalidType(path, "a string or an array of blocks", TypeName(content));
  std::string text;
  const auto read_block = [&](const Json& value, const std::string& place) {
    ObjectReader block(value, place);
    PassOver(block);
    const auto type = block.Required<std::string>("type");
    const std::optional<std::string> part = ReadTextBlock(block, type, places, warnings);
    if (!part) ThrowUnknownBlock(block, type, "a block of text");
    AppendText(*part, text);
    WarnUnread(block, warnings);
  };
  ForEach(content, path, read_block, first);
  return text;
}

ToolCall ReadToolUse(ObjectReader& block, const Places& places) {
  block.Find("caller");
  ToolCall call{block.Required<std::string>("id"), block.Required<std::string>("name"), "{}"};
  const Json* input = block.Find("input");
  if (!input) return call;
  if (!input->is_object()) throw InvalidType(block.Path("input"), "an object", TypeName(*input));
  call.arguments = places.TextOf(*input);
  return call;
}

// What went wrong is told in front of the result, which has no other place for it.
Message ReadToolResult(ObjectReader& block, const Places& places, Warnings& warnings) {
  Message result;
  result.role = "tool";
  result.tool_call_id = block.Required<std::string>("tool_use_id");
  if (block.Get<bool>("is_error", false)) result.content = "Error: ";
  if (const Json* content = block.Find("content"))
    result.content += ReadTexts(*content, places, block.Path("content"), warnings);
  return result;
}

// What the blocks of one message hold.
struct Turn {
  std::string text;
  std::vector<ToolCall> calls;
  std::vector<Message> results;
};

void ReadBlock(const Json& value, const Places& places, const std::string& path, const std::string& role, Turn& turn,
               Warnings& warnings) {
  ObjectReader block(value, path);
  PassOver(block);
  const auto type = block.Required<std::string>("type");
  if (type == "thinking" || type == "redacted_thinking")
    return;  // ours has none, and what another model thought is past
  if (type == "tool_use" && role == "assistant") {
    turn.calls.push_back(ReadToolUse(block, places));
  } else if (type == "tool_result" && role == "user") {
    turn.results.push_back(ReadToolResult(block, places, warnings));
  } else if (type == "tool_use" || type == "tool_result") {
    throw InvalidValue(path, "blocks of type " + type + " cannot stand in messages of the role " + role + ".");
  } else if (const std::optional<std::string> part = ReadTextBlock(block, type, places, warnings)) {
    AppendText(*part, turn.text);
  } else {
    ThrowUnknownBlock(block, type, "one of text, tool_use, tool_result, thinking, document, search_result");
  }
  WarnUnread(block, warnings);
}

// One behind the other of the same role are one message.
void Append(Message message, std::vector<Message>& messages) {
  if (messages.empty() || messages.back().role != message.role || message.role == "tool") {
    messages.push_back(std::move(message));
    return;
  }
  Message& last = messages.back();
  AppendText(message.content, last.content);
  last.tool_calls.insert(last.tool_calls.end(), message.tool_calls.begin(), message.tool_calls.end());
}

std::string ReadRole(ObjectReader& message) {
  std::string role = message.Required<std::string>("role");
  if (role == "user" || role == "assistant" || role == "system") return role;
  throw InvalidValue(message.Path("role"),
                     "expected one of user, assistant, system, but got '" + role.substr(0, 80) + "'.");
}

void ReadMessage(const Json& value, const Places& places, const std::string& path, std::vector<Message>& messages,
                 Warnings& warnings) {
  ObjectReader message(value, path);
  const std::string role = ReadRole(message);
  const Json& content = message.Require("content");
  Turn turn;
  if (content.is_string()) {
    turn.text = content.get<std::string>();
  } else {
    if (!content.is_array())
      throw InvalidType(message.Path("content"), "a string or an array of blocks", TypeName(content));
    ForEach(content, message.Path("content"), [&](const Json& block, const std::string& place) {
      ReadBlock(block, places, place, role, turn, warnings);
    });
  }
  PassOver(message);
  WarnUnread(message, warnings);
  const bool only_results = !turn.results.empty() && turn.text.empty();
  for (Message& result : turn.results) Append(std::move(result), messages);
  if (only_results) return;
  Message spoken;
  spoken.role = role;
  spoken.content = std::move(turn.text);
  spoken.tool_calls = std::move(turn.calls);
  Append(std::move(spoken), messages);
}

bool IsBillingHeader(const Json& block) {
  const bool is_text = block.is_object() && block.contains("text") && block.at("text").is_string();
  return is_text && block.at("text").get_ref<const std::string&>().starts_with(kBillingHeader);
}

std::string ReadSystem(const Json& system, const Places& places, Warnings& warnings) {
  const bool headed = system.is_array() && !system.empty() && IsBillingHeader(system[0]);
  return ReadTexts(system, places, "system", warnings, headed ? 1 : 0);
}

}  // namespace

std::vector<Message> ReadConversation(ObjectReader& body, const Places& places, Warnings& warnings) {
  std::vector<Message> messages;
  if (const Json* system = body.Find("system")) {
    Message message;
    message.role = "system";
    message.content = ReadSystem(*system, places, warnings);
    if (!message.content.empty()) messages.push_back(std::move(message));
  }
  const Json& list = body.Require("messages");
  if (ReadArray(list, "messages").empty())
    throw InvalidValue("messages", "there must be at least one message.", "empty_array");
  ForEach(list, "messages",
          [&](const Json& value, const std::string& path) { ReadMessage(value, places, path, messages, warnings); });
  return messages;
}

}  // namespace puna::api
