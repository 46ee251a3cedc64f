// The nouns of a conversation that both directions share.
#pragma once

#include <string>
#include <vector>

namespace puna::api {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // as the model or the client wrote it: usually the text of a JSON object
};

struct Message {
  std::string role;          // system, user, assistant or tool
  std::string content;       // text parts joined with a newline; empty when there was none
  std::string content_json;  // tool: the text of a JSON value that is neither string nor parts,
                             // instead of content
  std::string name;
  std::vector<ToolCall> tool_calls;  // assistant
  std::string tool_call_id;          // tool
};

struct ToolSpec {
  std::string name;
  std::string description;
  std::string parameters;  // the text of its JSON Schema; empty when none was given: no arguments
  bool strict = false;
  std::string json;  // the whole tool as it came, for the template
};

struct ToolChoice {
  enum class Mode { kNone, kAuto, kRequired };
  Mode mode = Mode::kAuto;
  std::vector<std::string> allowed;  // names of the tools that may be called; empty: all of them
  bool named = false;                // one function was named
};

}  // namespace puna::api
