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

// `text` is the text of the body. Names must be different. Tools of other kinds, which others run, are left out with a
// warning. Throws ApiError.
std::vector<ToolSpec> ReadTools(ObjectReader& body, std::string_view text, ToolForm form, Warnings& warnings);

// none, auto, required, one function, allowed_tools. What it names must be among `tools`.
ToolChoice ReadToolChoice(ObjectReader& body, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings);

// What chat completions had before tools: `functions` and `function_call` (auto, none, {"name"}).
std::vector<ToolSpec> ReadLegacyFunctions(ObjectReader& body, std::string_view text, Warnings& warnings);
ToolChoice ReadLegacyChoice(ObjectReader& body, const std::vector<ToolSpec>& functions, Warnings& warnings);

}  // namespace puna::api
