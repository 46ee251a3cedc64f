// From items to the conversation of the chat template: the part of responses_items.h that deals
// with messages.
#include "api/endpoints/responses_items.h"
#include "api/fields/custom_tool.h"
#include "api/fields/tool_reader.h"

namespace puna::api {

namespace {

using Kind = ResponseItem::Kind;

// As the model wrote it.
ToolCall CallOf(const ResponseItem& item) {
  const std::string name = item.space.empty() ? item.name : SpacedName(item.space, item.name);
  return {item.call_id, name, item.kind == Kind::kCustomCall ? CustomArguments(item.text) : item.arguments};
}

void AddItem(const ResponseItem& item, std::vector<Message>& messages) {
  Message message;
  switch (item.kind) {
    case Kind::kMessage:
      message.role = item.role;
      message.content = item.text;
      break;
    case Kind::kFunctionCall:
    case Kind::kCustomCall:
      if (!messages.empty() && messages.back().role == "assistant")
        return messages.back().tool_calls.push_back(CallOf(item));
      message.role = "assistant";
      message.tool_calls.push_back(CallOf(item));
      break;
    case Kind::kFunctionCallOutput:
      message.role = "tool";
      message.tool_call_id = item.call_id;
      message.content = item.text;
      break;
    case Kind::kReference:
      return;  // resolved before
  }
  messages.push_back(std::move(message));
}

// The end of a message and the results of its calls.
size_t UnitEnd(const std::vector<Message>& messages, size_t i) {
  ++i;
  while (i < messages.size() && messages[i].role == "tool") ++i;
  return i;
}

}  // namespace

std::vector<Message> AssembleMessages(const std::string& instructions, const std::vector<ResponseItem>& earlier,
                                      const std::vector<ResponseItem>& input) {
  std::vector<Message> messages;
  if (!instructions.empty()) {
    Message& system = messages.emplace_back();
    system.role = "system";
    system.content = instructions;
  }
  for (const ResponseItem& item : earlier) AddItem(item, messages);
  for (const ResponseItem& item : input) AddItem(item, messages);
  return messages;
}

size_t NumDroppable(const std::vector<Message>& messages) {
  size_t count = 0;
  for (size_t i = 0; i < messages.size();) {
    const bool system = messages[i].role == "system";
    i = system ? i + 1 : UnitEnd(messages, i);
    if (!system && i < messages.size()) ++count;
  }
  return count;
}

std::vector<Message> WithoutOldest(const std::vector<Message>& messages, size_t count) {
  std::vector<Message> kept;
  for (size_t i = 0; i < messages.size();) {
    if (messages[i].role == "system" || count == 0) {
      kept.push_back(messages[i++]);
      continue;
    }
    i = UnitEnd(messages, i);
    --count;
  }
  return kept;
}

}  // namespace puna::api
