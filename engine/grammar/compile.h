// The doors to the compilers: each gives a Grammar or throws GrammarError.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

Grammar CompileJsonSchema(std::string_view schema);
Grammar CompileJsonObject();
// All of the text must match; see regex.h.
Grammar CompileRegex(std::string_view pattern);
Grammar CompileChoice(const std::vector<std::string>& choices);
// GBNF: rules `name ::= ...` with literals, [classes], ( ), |, *, +, ?, {m,n} and # comments; the
// rule `root` is the text.
Grammar CompileGbnf(std::string_view text);

// A form of answer, for those who want to say it in one.
struct AnswerSpec {
  enum class Kind { kJsonSchema, kJsonObject, kRegex, kChoice, kGbnf };
  Kind kind = Kind::kJsonObject;
  std::string source;                // of the schema, the regex or the GBNF
  std::vector<std::string> choices;  // kChoice
};
Grammar CompileAnswer(const AnswerSpec& answer);

struct ToolGrammarSpec {
  std::string name;
  std::string parameters;  // the text of a JSON Schema; empty: no arguments
};
enum class ToolCallStyle {
  kLlama,        // {"name": "f", "parameters": {...}}, several with "; " in between
  kFunctionTag,  // <function=f>{...}</function>, several one after the other
  kHermes        // <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>, several with a new line
};
// One call of one of the tools, or several. Errors in a tool's schema have the tool in their path.
Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel);
// Either of them: the answer in its form, or calls and nothing else.
Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style,
                             bool parallel);
// Whether a tool's parameters may be objects, as arguments are; true also for what is no schema.
bool DescribesObject(std::string_view schema);

}  // namespace puna::engine
