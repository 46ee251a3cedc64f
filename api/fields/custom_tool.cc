#include "api/fields/custom_tool.h"

#include <nlohmann/json.hpp>

#include "api/fields/output_format.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "engine/text/json_quote.h"

namespace puna::api {
namespace {

using Syntax = InputGrammar::Syntax;

void ReadGrammar(ObjectReader& grammar, InputGrammar& input, Warnings& warnings) {
  const std::string syntax = grammar.Required<std::string>("syntax");
  if (syntax != "lark" && syntax != "regex")
    throw InvalidValue(grammar.Path("syntax"), "expected lark or regex, but got '" + syntax.substr(0, 80) + "'.");
  input.syntax = syntax == "lark" ? Syntax::kLark : Syntax::kRegex;
  input.definition = grammar.Required<std::string>("definition");
  if (input.definition.empty()) throw InvalidValue(grammar.Path("definition"), "it must not be empty.");
  WarnUnread(grammar, warnings);
}

void ReadFormat(ObjectReader& format, InputGrammar& input, Warnings& warnings) {
  const std::string type = format.Required<std::string>("type");
  if (type != "text" && type != "grammar")
    throw InvalidValue(format.Path("type"), "expected text or grammar, but got '" + type.substr(0, 80) + "'.");
  if (type == "text") return WarnUnread(format, warnings);
  const Json* wrapped = format.Find("grammar");
  if (!wrapped) return ReadGrammar(format, input, warnings);
  ObjectReader grammar(*wrapped, format.Path("grammar"));
  ReadGrammar(grammar, input, warnings);
  WarnUnread(format, warnings);
}

std::string AboutInput(const InputGrammar& input) {
  if (input.syntax == Syntax::kNone) return "Plain text, not JSON.";
  const char* kind = input.syntax == Syntax::kLark ? "this Lark grammar" : "this regular expression";
  return std::string("Plain text, not JSON. It keeps to ") + kind + ":\n" + input.definition;
}

std::string AsFunction(const ToolSpec& tool) {
  std::string json = R"({"type": "function", "function": {"name": )";
  text::AppendJsonString(tool.name, json);
  json += R"(, "description": )";
  text::AppendJsonString(tool.description, json);
  json += R"(, "parameters": {"type": "object", "properties": {"input": {"type": "string", "description": )";
  text::AppendJsonString(AboutInput(tool.input), json);
  return json + R"(}}, "required": ["input"]}}})";
}

ToolSpec ReadMembers(ObjectReader& object, Warnings& warnings) {
  ToolSpec tool;
  tool.kind = ToolSpec::Kind::kCustom;
  tool.name = object.Required<std::string>("name");
  CheckName(tool.name, object.Path("name"));
  tool.description = object.Get<std::string>("description", "");
  if (const Json* format = object.Find("format")) {
    ObjectReader reader(*format, object.Path("format"));
    ReadFormat(reader, tool.input, warnings);
  }
  tool.json = AsFunction(tool);
  WarnUnread(object, warnings);
  return tool;
}

}  // namespace

ToolSpec ReadCustomTool(ObjectReader& tool, Warnings& warnings) {
  const Json* wrapped = tool.Find("custom");
  if (!wrapped) return ReadMembers(tool, warnings);
  ObjectReader custom(*wrapped, tool.Path("custom"));
  ToolSpec spec = ReadMembers(custom, warnings);
  WarnUnread(tool, warnings);
  return spec;
}

std::string CustomArguments(std::string_view input) {
  std::string arguments = "{\"input\": ";
  text::AppendJsonString(input, arguments);
  return arguments + '}';
}

}  // namespace puna::api
