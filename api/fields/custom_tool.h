// Tools whose input is a text and no JSON: {"type": "custom", ...}.
#pragma once

#include <string>
#include <string_view>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;

// `tool` has name, description, and format: {"type": "text"}, or {"type": "grammar", "syntax": "lark" or "regex", "definition"};
// chat completions have them in a member `custom`, and the last two in one `grammar`. Both are read. Templates know
// functions only, so the tool is described to the model as one with the argument `input`. Throws ApiError.
ToolSpec ReadCustomTool(ObjectReader& tool, Warnings& warnings);

// What the arguments of such a function are: {"input": TEXT}, as it stands in prompts.
std::string CustomArguments(std::string_view input);

}  // namespace puna::api
