// The compilers in short, for tests: strict, each with a compilation of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/compile.h"

namespace puna::engine {

inline const ToolCallSyntax kLlamaCalls{"{\"name\": \"", "\", \"parameters\": ", "}", "; "};
inline const ToolCallSyntax kFunctionTagCalls{"<function=", ">", "</function>", ""};
inline const ToolCallSyntax kHermesCalls{"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", "}\n</tool_call>", "\n"};

inline Grammar CompileJsonSchema(std::string_view schema) {
  return CompileAnswer({AnswerSpec::Kind::kJsonSchema, std::string(schema)});
}
inline Grammar CompileJsonObject() { return CompileAnswer({}); }
inline Grammar CompileRegex(std::string_view pattern) {
  return CompileAnswer({AnswerSpec::Kind::kRegex, std::string(pattern)});
}
inline Grammar CompileChoice(const std::vector<std::string>& choices) {
  return CompileAnswer({AnswerSpec::Kind::kChoice, "", choices});
}
inline Grammar CompileGbnf(std::string_view text) {
  return CompileAnswer({AnswerSpec::Kind::kGbnf, std::string(text)});
}

inline Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, const ToolCallSyntax& style, bool parallel) {
  Compilation compilation;
  return CompileToolCalls(tools, style, parallel, compilation);
}
inline Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools,
                                    const ToolCallSyntax& style, bool parallel) {
  Compilation compilation;
  return CompileAnswerOrCalls(answer, tools, style, parallel, compilation);
}

// The schema compiled leniently, with what was lost.
inline Grammar CompileLeniently(std::string_view schema, std::vector<Compilation::Loss>& losses) {
  Compilation compilation;
  Grammar grammar =
      CompileAnswer({AnswerSpec::Kind::kJsonSchema, std::string(schema), {}, /*strict=*/false}, compilation);
  losses = compilation.losses();
  return grammar;
}

}  // namespace puna::engine
