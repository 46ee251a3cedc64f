// The nouns of a conversation that both directions share.
#pragma once

#include <string>
#include <vector>

namespace puna::api {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // as the model or the client wrote it: usually the text of a JSON object
  bool custom = false;    // of an answer: a custom tool's, and `arguments` are its input
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

// What the input of a custom tool keeps to.
struct InputGrammar {
  enum class Syntax { kNone, kLark, kRegex };  // kNone: any text
  Syntax syntax = Syntax::kNone;
  std::string definition;
};

struct ToolSpec {
  enum class Kind {
    kFunction,
    kCustom,  // its one argument, `input`, is a text
  };
  Kind kind = Kind::kFunction;
  std::string name;  // as the model is told; of one in a namespace SPACE__OWN_NAME
  std::string description;
  std::string parameters;  // the text of its JSON Schema; empty when none was given: no arguments
  bool strict = false;
  InputGrammar input;           // kCustom
  std::string space, own_name;  // of one in a namespace; else empty
  bool local_shell = false;     // kFunction: its calls are local_shell_call items (responses)
  std::string json;             // the whole tool, for the template: as it came, or what stands for it there
};

struct ToolChoice {
  enum class Mode { kNone, kAuto, kRequired };
  Mode mode = Mode::kAuto;
  std::vector<std::string> allowed;  // names of the tools that may be called; empty: all of them
  bool named = false;                // one function was named
};

}  // namespace puna::api
