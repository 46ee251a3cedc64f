// Which result belongs to which call: tool_call_id says so, and templates show results without it,
// in the order in which they stand.
#pragma once

#include <string>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

// Results behind a turn with calls come in the order of the calls, whatever order they were sent
// in; results that name none of them stand behind the others.
std::vector<Message> OrderToolResults(std::vector<Message> messages);

// Names the results that answer no call of the turn before them. `path` is that of the messages.
void WarnOfStrayResults(const std::vector<Message>& messages, const std::string& path, Warnings& warnings);

}  // namespace puna::api
