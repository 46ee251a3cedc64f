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
  // What the arguments are: an object by a JSON Schema, or {"input": TEXT} with any text, one of a Lark grammar (lark.h), or one
  // that a regex matches whole.
  enum class Input { kSchema, kText, kLark, kRegex };

  std::string name;
  std::string parameters;  // the schema, grammar or regex; kSchema: empty for no arguments
  bool strict = true;      // as AnswerSpec
  Input input = Input::kSchema;
};
// How a call is written: before_name NAME before_arguments {...} behind; `between` two of them.
struct ToolCallSyntax {
  std::string before_name, before_arguments, behind, between;
};
// One call of one of the tools, or several. Errors in a tool's schema have the tool in their path.
Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, const ToolCallSyntax& syntax, bool parallel,
                         Compilation& compilation);
// Either of them: the answer in its form, or calls and nothing else.
Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools,
                             const ToolCallSyntax& syntax, bool parallel, Compilation& compilation);
// Whether a tool's parameters may be objects, as arguments are; true also for what is no schema.
bool DescribesObject(std::string_view schema);

}  // namespace puna::engine
