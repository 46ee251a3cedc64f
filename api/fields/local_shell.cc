#include "api/fields/local_shell.h"

#include <nlohmann/json.hpp>

namespace puna::api {
namespace {

using Json = nlohmann::ordered_json;

// Of the action, those that the model may give; the others are the client's.
constexpr const char* kArguments[] = {"command", "working_directory", "timeout_ms"};
constexpr const char* kParameters =
    R"({"type": "object", "properties": {)"
    R"("command": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "The program and its arguments"}, )"
    R"("working_directory": {"type": "string", "description": "Where it runs"}, )"
    R"("timeout_ms": {"type": "integer", "minimum": 1, "description": "How long it may take, in milliseconds"}}, )"
    R"("required": ["command"], "additionalProperties": false})";

}  // namespace

ToolSpec LocalShellTool() {
  ToolSpec tool;
  tool.name = kLocalShell;
  tool.description = "Runs a command on the user's machine and returns its output.";
  tool.parameters = kParameters;
  tool.local_shell = true;
  tool.json = R"({"type": "function", "function": {"name": "local_shell", "description": ")" + tool.description +
              R"(", "parameters": )" + tool.parameters + "}}";
  return tool;
}

Json LocalShellAction(const std::string& arguments) {
  Json action = {{"type", "exec"}, {"command", Json::array()}, {"env", Json::object()}};
  const Json given = Json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  if (!given.is_object()) return action;
  for (const char* name : kArguments)
    if (const auto value = given.find(name); value != given.end()) action[name] = *value;
  return action;
}

std::string LocalShellArguments(const Json& action) {
  Json arguments = Json::object();
  for (const char* name : kArguments) {
    const auto value = action.find(name);
    if (value != action.end() && !value->is_null()) arguments[name] = *value;
  }
  return arguments.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace puna::api
