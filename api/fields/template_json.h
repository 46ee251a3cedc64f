// Tools as a chat template expects them: JSON text, because key order and the spelling of numbers count. And turns with several
// calls in pieces, for templates that know one.
#pragma once

#include <string>
#include <vector>

#include "api/fields/message.h"

namespace puna::api {

// The tools as they came, with an empty description and parameters without properties where those are missing or null:
// templates put them into their texts unasked.
std::string TemplateToolsJson(const std::vector<ToolSpec>& tools);

// Templates of Llama 3.x refuse a turn with several calls. Gives each call a turn of its own,
// followed by the results that name it: assistant(a, b), tool(a), tool(b) becomes assistant(a),
// tool(a), assistant(b), tool(b). Content of the turn stays with its first call. Results that name
// no call keep their place behind the last.
std::vector<Message> SplitToolCalls(const std::vector<Message>& messages);

}  // namespace puna::api
