#include "api/fields/tool_results.h"

#include <algorithm>

#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {
namespace {

// The place of the call among the turn's; their number when there is none with that id.
size_t PlaceOf(const std::string& id, const Message& turn) {
  const auto& calls = turn.tool_calls;
  const auto found =
      std::find_if(calls.begin(), calls.end(), [&](const ToolCall& call) { return !id.empty() && call.id == id; });
  return static_cast<size_t>(found - calls.begin());
}

// The call that a result belongs to: by its id; without one, the only call that is left, or one that has no id either.
std::vector<ToolCall>::const_iterator FindCall(const std::string& id, const std::vector<ToolCall>& open) {
  if (id.empty() && open.size() == 1) return open.begin();
  return std::find_if(open.begin(), open.end(), [&](const ToolCall& call) { return call.id == id || call.id.empty(); });
}

bool IsResult(const Message& message) { return message.role == "tool"; }

}  // namespace

std::vector<Message> OrderToolResults(std::vector<Message> messages) {
  for (auto turn = messages.begin(); turn != messages.end(); ++turn) {
    if (turn->tool_calls.size() < 2) continue;
    const auto end = std::find_if_not(turn + 1, messages.end(), IsResult);
    std::stable_sort(turn + 1, end, [&](const Message& a, const Message& b) {
      return PlaceOf(a.tool_call_id, *turn) < PlaceOf(b.tool_call_id, *turn);
    });
  }
  return messages;
}

void MatchToolResults(std::vector<Message>& messages, const std::string& path) {
  std::vector<ToolCall> open;  // calls of the last turn without a result
  bool has_turn = false;
  for (size_t i = 0; i < messages.size(); ++i) {
    Message& message = messages[i];
    if (!IsResult(message)) {
      open = message.tool_calls;
      has_turn = !open.empty();
      continue;
    }
    const std::string place = IndexPath(path, i);
    if (!has_turn)
      throw InvalidValue(place + ".role", "a tool's result must follow the assistant's message with its call.");
    const auto call = FindCall(message.tool_call_id, open);
    if (call == open.end() && message.tool_call_id.empty()) throw MissingField(place + ".tool_call_id");
    if (call == open.end())
      throw InvalidValue(place + ".tool_call_id",
                         "it names no call of the assistant's message before it that is without a result.");
    message.tool_call_id = call->id;
    open.erase(call);
  }
}

}  // namespace puna::api
