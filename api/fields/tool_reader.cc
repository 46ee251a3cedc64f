#include "api/fields/tool_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/fields/output_format.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/raw_json.h"

namespace puna::api {

namespace {

constexpr size_t kMaxTools = 1024;

void CheckType(ObjectReader& object) {
  const std::string type = object.Required<std::string>("type");
  if (type != "function") {
    throw InvalidValue(object.Path("type"),
                       "tools of type '" + type.substr(0, 80) +
                           "' cannot be used here; only "
                           "'function' can.",
                       "unsupported_value");
  }
}

void ReadFunction(ObjectReader& function, std::string_view text, ToolSpec& tool) {
  tool.name = function.Required<std::string>("name");
  CheckName(tool.name, function.Path("name"));
  tool.description = function.Get<std::string>("description", "");
  tool.strict = function.Get<bool>("strict", false);
  if (const Json* parameters = function.Find("parameters")) {
    if (!parameters->is_object())
      throw InvalidType(function.Path("parameters"), "a JSON Schema", TypeName(*parameters));
    tool.parameters = RawMember(text, "parameters");
  }
}

// Either form is taken: clients of one API often speak the other's.
bool IsFlat(ObjectReader& object, ToolForm form) {
  return !object.Has("function") && (form == ToolForm::kFlat || object.Has("name"));
}

// The template knows the nested form only.
std::string NestedText(std::string_view flat) {
  std::string text = "{\"type\": \"function\", \"function\": {";
  const char* before = "";
  for (const char* name : {"name", "description", "parameters", "strict"}) {
    const std::string_view value = RawMember(flat, name);
    if (value.empty() || value == "null") continue;
    text.append(before).append("\"").append(name).append("\": ").append(value);
    before = ", ";
  }
  return text + "}}";
}

ToolSpec ReadTool(const Json& value, std::string_view text, const std::string& path, ToolForm form,
                  Warnings& warnings) {
  ObjectReader object(value, path);
  CheckType(object);
  ToolSpec tool;
  if (IsFlat(object, form)) {
    ReadFunction(object, text, tool);
    tool.json = NestedText(text);
  } else {
    ObjectReader function(object.Require("function"), object.Path("function"));
    ReadFunction(function, RawMember(text, "function"), tool);
    tool.json = text;
    WarnUnread(function, warnings);
  }
  WarnUnread(object, warnings);
  return tool;
}

// Tools of other kinds are run elsewhere (web_search, mcp, ...): they are left out, and the functions beside them work.
bool IsLeftOut(const Json& value, const std::string& path, Warnings& warnings) {
  ObjectReader object(value, path);
  const std::string type = object.Required<std::string>("type");
  if (type == "function") return false;
  warnings.Add("'" + path + "' of type " + type.substr(0, 80) + " is left out: such tools cannot be run here");
  return true;
}

bool IsOffered(const std::vector<ToolSpec>& tools, const std::string& name) {
  return std::any_of(tools.begin(), tools.end(), [&](const ToolSpec& tool) { return tool.name == name; });
}

// {"type": "function", ...} naming one of the tools.
std::string ReadNamed(ObjectReader& object, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings) {
  CheckType(object);
  std::string name, path;
  if (IsFlat(object, form)) {
    name = object.Required<std::string>("name");
    path = object.Path("name");
  } else {
    ObjectReader function(object.Require("function"), object.Path("function"));
    name = function.Required<std::string>("name");
    path = function.Path("name");
    WarnUnread(function, warnings);
  }
  if (!IsOffered(tools, name))
    throw InvalidValue(path, "there is no function '" + name.substr(0, 80) + "' in 'tools'.");
  WarnUnread(object, warnings);
  return name;
}

ToolChoice::Mode ReadMode(const std::string& mode, const std::string& path) {
  if (mode == "auto") return ToolChoice::Mode::kAuto;
  if (mode == "required") return ToolChoice::Mode::kRequired;
  if (mode == "none") return ToolChoice::Mode::kNone;
  throw InvalidValue(path, "expected one of none, auto, required or an object, but got '" + mode.substr(0, 80) + "'.");
}

// {"mode": "auto" | "required", "tools": [...]}; chat completions wrap it in a member
// allowed_tools.
ToolChoice ReadAllowed(ObjectReader& object, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings) {
  ToolChoice choice;
  choice.mode = ReadMode(object.Required<std::string>("mode"), object.Path("mode"));
  const std::string path = object.Path("tools");
  const auto& allowed = ReadArray(object.Require("tools"), path);
  if (allowed.empty()) throw InvalidValue(path, "at least one tool must be allowed.", "empty_array");
  for (size_t i = 0; i < allowed.size(); ++i) {
    ObjectReader tool(allowed[i], IndexPath(path, i));
    choice.allowed.push_back(ReadNamed(tool, tools, form, warnings));
  }
  WarnUnread(object, warnings);
  return choice;
}

// The deprecated form of one function, as a tool.
ToolSpec ReadLegacyFunction(const Json& value, std::string_view text, const std::string& path, Warnings& warnings) {
  ObjectReader function(value, path);
  ToolSpec tool;
  ReadFunction(function, text, tool);
  tool.json = "{\"type\": \"function\", \"function\": " + std::string(text) + "}";
  WarnUnread(function, warnings);
  return tool;
}

// The functions of the list `member` of the body `text`, each of another name. read_one(entry, its text, its path) gives
// one of them, or none for what is left out.
template <typename ReadOne>
std::vector<ToolSpec> ReadEach(ObjectReader& body, const std::string& member, std::string_view text,
                               const ReadOne& read_one) {
  std::vector<ToolSpec> tools;
  const Json* value = body.Find(member);
  if (!value) return tools;
  const auto& array = ReadArray(*value, member);
  if (array.size() > kMaxTools) {
    throw InvalidValue(member, "at most 1024 " + member + " can be given.", "array_above_max_length");
  }
  const std::vector<std::string_view> raw = RawElements(RawMember(text, member));
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string path = IndexPath(member, i);
    std::optional<ToolSpec> tool = read_one(array[i], raw.at(i), path);
    if (!tool) continue;
    if (IsOffered(tools, tool->name)) {
      throw InvalidValue(path, "there is another function '" + tool->name + "' before it; names must differ.");
    }
    tools.push_back(std::move(*tool));
  }
  return tools;
}

}  // namespace

std::vector<ToolSpec> ReadTools(ObjectReader& body, std::string_view text, ToolForm form, Warnings& warnings) {
  return ReadEach(body, "tools", text,
                  [&](const Json& tool, std::string_view raw, const std::string& path) -> std::optional<ToolSpec> {
                    if (IsLeftOut(tool, path, warnings)) return std::nullopt;
                    return ReadTool(tool, raw, path, form, warnings);
                  });
}

std::vector<ToolSpec> ReadLegacyFunctions(ObjectReader& body, std::string_view text, Warnings& warnings) {
  return ReadEach(body, "functions", text, [&](const Json& function, std::string_view raw, const std::string& path) {
    return std::optional<ToolSpec>(ReadLegacyFunction(function, raw, path, warnings));
  });
}

ToolChoice ReadLegacyChoice(ObjectReader& body, const std::vector<ToolSpec>& functions, Warnings& warnings) {
  ToolChoice choice;
  if (functions.empty()) choice.mode = ToolChoice::Mode::kNone;
  const Json* value = body.Find("function_call");
  if (!value) return choice;
  if (functions.empty()) throw InvalidValue("function_call", "it is only allowed when 'functions' are given.");
  if (value->is_string()) {
    const std::string mode = value->get<std::string>();
    if (mode != "auto" && mode != "none") throw InvalidValue("function_call", "expected auto, none or an object.");
    if (mode == "none") choice.mode = ToolChoice::Mode::kNone;
    return choice;
  }
  ObjectReader object(*value, "function_call");
  const std::string name = object.Required<std::string>("name");
  if (!IsOffered(functions, name))
    throw InvalidValue("function_call.name", "there is no function '" + name.substr(0, 80) + "' in 'functions'.");
  WarnUnread(object, warnings);
  choice.mode = ToolChoice::Mode::kRequired;
  choice.named = true;
  choice.allowed.push_back(name);
  return choice;
}

ToolChoice ReadToolChoice(ObjectReader& body, const std::vector<ToolSpec>& tools, ToolForm form, Warnings& warnings) {
  ToolChoice choice;
  if (tools.empty()) choice.mode = ToolChoice::Mode::kNone;
  const Json* value = body.Find("tool_choice");
  if (!value) return choice;
  if (value->is_string()) {
    choice.mode = ReadMode(value->get<std::string>(), "tool_choice");
    if (choice.mode == ToolChoice::Mode::kAuto && tools.empty()) choice.mode = ToolChoice::Mode::kNone;
  } else {
    ObjectReader object(*value, "tool_choice");
    if (tools.empty()) throw InvalidValue("tool_choice", "it is only allowed when 'tools' are given.");
    if (object.Require("type") == "allowed_tools") {
      const Json* wrapped = object.Find("allowed_tools");
      if (!wrapped) return ReadAllowed(object, tools, form, warnings);
      ObjectReader allowed(*wrapped, "tool_choice.allowed_tools");
      return ReadAllowed(allowed, tools, form, warnings);
    }
    choice.mode = ToolChoice::Mode::kRequired;
    choice.named = true;
    choice.allowed.push_back(ReadNamed(object, tools, form, warnings));
  }
  if (choice.mode == ToolChoice::Mode::kRequired && tools.empty()) {
    throw InvalidValue("tool_choice", "it is only allowed when 'tools' are given.");
  }
  return choice;
}

}  // namespace puna::api
