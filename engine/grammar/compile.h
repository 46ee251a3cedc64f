// The doors to the compilers: each gives a Grammar or throws GrammarError.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/grammar.h"

namespace puna::engine {

Grammar CompileJsonSchema(std::string_view schema);
Grammar CompileJsonObject();
// All of the text must match; see regex.h.
Grammar CompileRegex(std::string_view pattern);
Grammar CompileChoice(const std::vector<std::string>& choices);
// GBNF: rules `name ::= ...` with literals, [classes], ( ), |, *, +, ?, {m,n} and # comments; the
// rule `root` is the text.
Grammar CompileGbnf(std::string_view text);

struct ToolGrammarSpec {
  std::string name;
  std::string parameters;  // the text of a JSON Schema; empty: no arguments
};
enum class ToolCallStyle {
  kLlama,  // {"name": "f", "parameters": {...}}, several with "; " in between
  kFunctionTag,  // <function=f>{...}</function>, several one after the other
  kHermes  // <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>, several with a new line
};
// One call of one of the tools, or several. Errors in a tool's schema have the tool in their path.
Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel);

}  // namespace puna::engine
