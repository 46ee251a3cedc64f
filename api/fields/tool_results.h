// Which result belongs to which call: tool_call_id says so, and templates show results without it,
// in the order in which they stand.
#pragma once

#include <string>
#include <vector>

#include "api/fields/message.h"

namespace puna::api {

// Results behind a turn with calls come in the order of the calls, whatever order they were sent
// in; results that name none of them stand behind the others.
std::vector<Message> OrderToolResults(std::vector<Message> messages);

// Gives each result the id of its call. Throws ApiError, as OpenAI does, for a result that answers no call of the turn before
// it, or names none where several calls are without a result. `path` is that of the messages.
void MatchToolResults(std::vector<Message>& messages, const std::string& path);

}  // namespace puna::api
