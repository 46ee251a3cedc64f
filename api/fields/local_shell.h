// {"type": "local_shell"} (responses): a tool of OpenAI's own that the client runs. The model is told of a function that takes a
// command; its calls go out as local_shell_call items, with the arguments as their action.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/fields/message.h"

namespace puna::api {

inline constexpr const char* kLocalShell = "local_shell";

ToolSpec LocalShellTool();

// The action of a call with these arguments: {"type": "exec", "command": [...], "env": {}, ...}. Arguments that are not whole yet,
// or that were cut, have no command.
nlohmann::ordered_json LocalShellAction(const std::string& arguments);

// The arguments of the call whose action this is, as the model wrote them.
std::string LocalShellArguments(const nlohmann::ordered_json& action);

}  // namespace puna::api
