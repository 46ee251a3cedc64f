// The tools of a body, and which of them may be called.
#pragma once

#include <string_view>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;

// How a function is written: {"type": "function", "function": {"name", ...}} in chat completions,
// {"type": "function", "name", ...} in responses. Both are read everywhere; errors name the members of the given one.
enum class ToolForm { kNested, kFlat };

// `text` is the text of the body. Names must be different. Throws ApiError, by name for other kinds
// of tools.
std::vector<ToolSpec> ReadTools(ObjectReader& body, std::string_view text, ToolForm form, Warnings& warnings);

// none, auto, required, one function, allowed_tools. What it names must be among `tools`.
ToolChoice ReadToolChoice(ObjectReader& body, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings);

}  // namespace puna::api
