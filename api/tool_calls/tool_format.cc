#include "api/tool_calls/tool_format.h"

#include <algorithm>
#include <iterator>

namespace puna::api {
namespace {

constexpr CallSyntax kHermesCalls[] = {
    {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", "}\n</tool_call>", "\n", kHermesTag}};
constexpr CallSyntax kLlamaCalls[] = {{"{\"name\": \"", "\", \"parameters\": ", "}", "; "},
                                      {"<function=", ">", "</function>", "", kFunctionTag}};

// The last one has no sign.
constexpr ToolFormatRow kRows[] = {
    {ToolFormat::kHermes, kHermesTag, kHermesCalls},
    {ToolFormat::kLlama, "", kLlamaCalls},
};

}  // namespace

const ToolFormatRow& FormatRow(ToolFormat format) {
  return *std::find_if(std::begin(kRows), std::end(kRows) - 1, [&](const auto& row) { return row.format == format; });
}

ToolFormat DetectToolFormat(std::string_view chat_template) {
  return std::find_if(std::begin(kRows), std::end(kRows) - 1,
                      [&](const auto& row) { return chat_template.find(row.sign) != chat_template.npos; })
      ->format;
}

std::string CallBeginning(ToolFormat format, std::string_view name) {
  const CallSyntax& call = FormatRow(format).calls.front();
  return std::string(call.before_name).append(name).append(call.before_arguments) + '{';
}

}  // namespace puna::api
