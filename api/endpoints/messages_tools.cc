#include "api/endpoints/messages_tools.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/fields/output_format.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/places.h"

namespace puna::api {
namespace {

constexpr size_t kMaxTools = 1024;

// As chat completions have it, which templates know. `parameters` is the text of the schema.
std::string NestedText(const Json& tool, const Places& places) {
  std::string text = "{\"type\": \"function\", \"function\": {\"name\": " + std::string(places.TextOf(tool, "name"));
  const std::string_view description = places.TextOf(tool, "description");
  if (!description.empty() && description != "null") text.append(", \"description\": ").append(description);
  return text.append(", \"parameters\": ").append(places.TextOf(tool, "input_schema")).append("}}");
}

ToolSpec ReadTool(ObjectReader& object, const Places& places, Warnings& warnings) {
  ToolSpec tool;
  tool.name = object.Required<std::string>("name");
  CheckName(tool.name, object.Path("name"));
  tool.description = object.Get<std::string>("description", "");
  tool.strict = object.Get<bool>("strict", false);
  const Json& schema = object.Require("input_schema");
  if (!schema.is_object()) throw InvalidType(object.Path("input_schema"), "a JSON Schema", TypeName(schema));
  tool.parameters = places.TextOf(schema);
  tool.json = NestedText(object.json(), places);
  // They say how Anthropic's servers treat a tool, and nothing to the model.
  for (const char* name :
       {"cache_control", "defer_loading", "input_examples", "eager_input_streaming", "allowed_callers"})
    object.Find(name);
  WarnUnread(object, warnings);
  return tool;
}

bool IsOffered(const std::vector<ToolSpec>& tools, const std::string& name) {
  return std::any_of(tools.begin(), tools.end(), [&](const ToolSpec& tool) { return tool.name == name; });
}

// The tool of one entry, unless it is one that cannot be used here.
void ReadEntry(const Json& value, const Places& places, const std::string& path, ChatRequest& chat) {
  ObjectReader object(value, path);
  const std::string type = object.Get<std::string>("type", "custom");
  if (type != "custom") {
    chat.warnings.Add("'" + path + "' of type " + type.substr(0, 80) +
                      " is left out: only tools with an input_schema of their own can be used");
    return;
  }
  ToolSpec tool = ReadTool(object, places, chat.warnings);
  if (IsOffered(chat.tools, tool.name))
    throw InvalidValue(path, "there is another tool '" + tool.name + "' before it; names must differ.");
  chat.tools.push_back(std::move(tool));
}

void ReadChoice(ObjectReader& choice, ChatRequest& chat) {
  using Mode = ToolChoice::Mode;
  const auto type = choice.Required<std::string>("type");
  chat.parallel_tool_calls = !choice.Get<bool>("disable_parallel_tool_use", false);
  if (type == "none" || (type == "auto" && chat.tools.empty())) {
    chat.tool_choice.mode = Mode::kNone;
  } else if (type == "any" || type == "tool") {
    if (chat.tools.empty()) throw InvalidValue("tool_choice", "it demands a call, and there are no 'tools'.");
    chat.tool_choice.mode = Mode::kRequired;
  } else if (type != "auto") {
    throw InvalidValue("tool_choice.type",
                       "expected one of auto, any, tool, none, but got '" + type.substr(0, 80) + "'.");
  }
  if (type != "tool") return;
  const auto name = choice.Required<std::string>("name");
  if (!IsOffered(chat.tools, name))
    throw InvalidValue("tool_choice.name", "there is no tool '" + name.substr(0, 80) + "' in 'tools'.");
  chat.tool_choice.named = true;
  chat.tool_choice.allowed.push_back(name);
}

}  // namespace

void ReadMessagesTools(ObjectReader& body, const Places& places, ChatRequest& chat) {
  if (const Json* value = body.Find("tools")) {
    const auto& array = ReadArray(*value, "tools");
    if (array.size() > kMaxTools)
      throw InvalidValue("tools", "at most 1024 tools can be given.", "array_above_max_length");
    for (size_t i = 0; i < array.size(); ++i) ReadEntry(array[i], places, IndexPath("tools", i), chat);
  }
  if (chat.tools.empty()) chat.tool_choice.mode = ToolChoice::Mode::kNone;
  const Json* value = body.Find("tool_choice");
  if (!value) return;
  ObjectReader choice(*value, "tool_choice");
  ReadChoice(choice, chat);
  WarnUnread(choice, chat.warnings);
}

}  // namespace puna::api
