// From items to the conversation of the chat template: AssembleMessages and DropOldest of
// responses_items.h.
#include <algorithm>

#include "api/responses_items.h"

namespace puna::api {

namespace {

using Kind = ResponseItem::Kind;

void AddItem(const ResponseItem& item, std::vector<Message>& messages) {
  Message message;
  switch (item.kind) {
    case Kind::kMessage:
      message.role = item.role;
      message.content = item.text;
      break;
    case Kind::kFunctionCall:
      if (!messages.empty() && messages.back().role == "assistant") {
        messages.back().tool_calls.push_back({item.call_id, item.name, item.arguments});
        return;
      }
      message.role = "assistant";
      message.tool_calls.push_back({item.call_id, item.name, item.arguments});
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

}  // namespace

std::vector<Message> AssembleMessages(const std::string& instructions,
                                      const std::vector<ResponseItem>& earlier,
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

bool DropOldest(std::vector<Message>& messages) {
  const auto oldest = std::find_if(messages.begin(), messages.end(),
                                   [](const Message& message) { return message.role != "system"; });
  if (oldest == messages.end() || oldest + 1 == messages.end()) return false;
  auto end = oldest + 1;
  while (end != messages.end() && end->role == "tool") ++end;
  if (end == messages.end()) return false;
  messages.erase(oldest, end);
  return true;
}

}  // namespace puna::api
