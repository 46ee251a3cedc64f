// From items to the conversation of the chat template: the part of responses_items.h that deals
// with messages.
#include <algorithm>
#include <iterator>

#include "api/endpoints/responses_items.h"
#include "api/fields/custom_tool.h"
#include "api/fields/tool_reader.h"

namespace puna::api {

namespace {

using Kind = ResponseItem::Kind;

// The model is not made to believe that the user said what stands there.
constexpr std::string_view kSummaryFollows =
    "(What was said before was too long to be shown again. This is a summary of it, which the assistant wrote:)\n\n";

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
    case Kind::kCompaction:
    case Kind::kContextCompaction:
      message.role = "user";
      message.content = std::string(kSummaryFollows) + item.text;
      break;
    case Kind::kReference:          // resolved before
    case Kind::kCompactionTrigger:  // nothing that was said
      return;
  }
  messages.push_back(std::move(message));
}

using Items = std::vector<const ResponseItem*>;

bool Says(const ResponseItem& item, const char* role) { return item.kind == Kind::kMessage && item.role == role; }

Items AllOf(const std::vector<ResponseItem>& earlier, const std::vector<ResponseItem>& input) {
  Items items;
  for (const auto* list : {&earlier, &input}) {
    for (const ResponseItem& item : *list) items.push_back(&item);
  }
  return items;
}

// Without what the last compaction stands for.
Items Compacted(const Items& items) {
  const auto last = std::find_if(items.rbegin(), items.rend(),
                                 [](const auto* item) { return item->kind == Kind::kContextCompaction; });
  if (last == items.rend()) return items;
  const auto compaction = last.base() - 1;
  auto words = compaction;  // the user's last ones
  while (words != items.begin() && Says(**(words - 1), "user")) --words;
  Items kept;
  std::copy_if(items.begin(), words, std::back_inserter(kept), [](const auto* item) { return Says(*item, "system"); });
  kept.push_back(*compaction);
  kept.insert(kept.end(), words, compaction);
  kept.insert(kept.end(), compaction + 1, items.end());
  return kept;
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
  for (const ResponseItem* item : Compacted(AllOf(earlier, input))) AddItem(*item, messages);
  return messages;
}

bool HasPast(const std::vector<ResponseItem>& earlier, const std::vector<ResponseItem>& input) {
  Items items = AllOf(earlier, input);
  while (!items.empty() && Says(*items.back(), "user")) items.pop_back();
  return std::any_of(items.begin(), items.end(), [](const auto* item) { return !Says(*item, "system"); });
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
