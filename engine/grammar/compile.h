// The doors to the compilers: each gives a Grammar, or throws GrammarError for what cannot be enforced (of its kinds,
// GrammarMistake and CompilationLimit whatever the strictness).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

// A form of answer, for those who want to say it in one.
struct AnswerSpec {
  enum class Kind { kJsonSchema, kJsonObject, kRegex, kChoice, kGbnf };
  Kind kind = Kind::kJsonObject;
  std::string source = "";                // of the schema, the regex or the GBNF
  std::vector<std::string> choices = {};  // kChoice
  // Whether everything that a schema says is enforced, or the whole refused. If not, what cannot be is left out and
  // told, keyword by keyword.
  bool strict = true;
};
// Regex: all of the text must match; see regex.h. GBNF: rules `name ::= ...` with literals, [classes], ( ), |, *, +, ?,
// {m,n} and # comments; the rule `root` is the text.
Grammar CompileAnswer(const AnswerSpec& answer, Compilation& compilation);
Grammar CompileAnswer(const AnswerSpec& answer);  // within the usual bounds

struct ToolGrammarSpec {
  std::string name;
  std::string parameters;  // the text of a JSON Schema; empty: no arguments
  bool strict = true;      // as AnswerSpec
};
enum class ToolCallStyle {
  kLlama,        // {"name": "f", "parameters": {...}}, several with "; " in between
  kFunctionTag,  // <function=f>{...}</function>, several one after the other
  kHermes        // <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>, several with a new line
};
// One call of one of the tools, or several. Errors in a tool's schema have the tool in their path.
Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel,
                         Compilation& compilation);
// Either of them: the answer in its form, or calls and nothing else.
Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style,
                             bool parallel, Compilation& compilation);
// Whether a tool's parameters may be objects, as arguments are; true also for what is no schema.
bool DescribesObject(std::string_view schema);

}  // namespace puna::engine
