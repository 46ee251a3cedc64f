// The tools of a body, and which of them may be called.
#pragma once

#include <string>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;
class Places;

// How a function is written: {"type": "function", "function": {"name", ...}} in chat completions,
// {"type": "function", "name", ...} in responses. Both are read everywhere; errors name the members of the given one.
enum class ToolForm { kNested, kFlat };

// Of the body, or of another object with a member `tools`. Names must be different. The tools of a namespace (responses) stand in
// its place. Tools of other kinds, which others run, are left out with a warning. Throws ApiError.
std::vector<ToolSpec> ReadTools(ObjectReader& body, const Places& places, ToolForm form, Warnings& warnings);

// Puts them behind `tools`; one of the same name takes the place of the one before it. Throws ApiError when they become too many.
void AddTools(std::vector<ToolSpec> more, std::vector<ToolSpec>& tools);

// What the model is told in place of a name in a namespace.
std::string SpacedName(const std::string& space, const std::string& name);

// none, auto, required, one function or custom tool, allowed_tools. What it names must be among `tools`.
ToolChoice ReadToolChoice(ObjectReader& body, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings);

// What chat completions had before tools: `functions` and `function_call` (auto, none, {"name"}).
std::vector<ToolSpec> ReadLegacyFunctions(ObjectReader& body, const Places& places, Warnings& warnings);
ToolChoice ReadLegacyChoice(ObjectReader& body, const std::vector<ToolSpec>& functions, Warnings& warnings);

}  // namespace puna::api
