#include "api/fields/tool_results.h"

#include <algorithm>

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

void WarnOfStrayResults(const std::vector<Message>& messages, const std::string& path, Warnings& warnings) {
  const Message* turn = nullptr;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (!IsResult(messages[i])) {
      turn = &messages[i];
      continue;
    }
    if (turn != nullptr && PlaceOf(messages[i].tool_call_id, *turn) < turn->tool_calls.size()) continue;
    warnings.Add(IndexPath(path, i) +
                 ".tool_call_id names no call of the turn before it; the result is shown where it stands");
  }
}

}  // namespace puna::api
