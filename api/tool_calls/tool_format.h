// How tool calls are written, as data: the one table that the parser, the grammars and the choice by chat template read. A
// format is a row here; what only the parser reads besides (Pythonic calls, NAME.call(...)) is llama_calls.h's.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace puna::api {

inline constexpr std::string_view kPythonTag = "<|python_tag|>";
inline constexpr std::string_view kFunctionTag = "<function=";
inline constexpr std::string_view kHermesTag = "<tool_call>";

enum class ToolFormat {
  kLlama,   // JSON, pythonic, NAME.call(query="..."), <function=NAME>: all of them, without being told which
  kHermes,  // <tool_call>{...}</tool_call>
};

// One way to write a call, as grammars hold it: before_name NAME before_arguments {...} behind, and so on after `between`.
struct CallSyntax {
  std::string_view before_name, before_arguments, behind, between;
  // Begins a call wherever it stands; empty: a call begins with the text's first byte, or behind <|python_tag|>.
  std::string_view tag = {};
};

struct ToolFormatRow {
  ToolFormat format;
  std::string_view sign;              // in the templates of models that write so; empty: all that have no other sign
  std::span<const CallSyntax> calls;  // all that a model may begin by itself; a demanded call is the first
};

const ToolFormatRow& FormatRow(ToolFormat format);

// From the text of the checkpoint's chat template.
ToolFormat DetectToolFormat(std::string_view chat_template);

// How a demanded call of the function begins, with the brace of its arguments.
std::string CallBeginning(ToolFormat format, std::string_view name);

}  // namespace puna::api
