#include "api/fields/tool_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "api/fields/custom_tool.h"
#include "api/fields/local_shell.h"
#include "api/fields/output_format.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/places.h"
#include "api/json/raw_json.h"
#include "engine/text/json_quote.h"

namespace puna::api {

namespace {

constexpr size_t kMaxTools = 1024;

using Kind = ToolSpec::Kind;

// None: a tool of another kind, which others run.
std::optional<Kind> ReadKind(ObjectReader& object) {
  const std::string type = object.Required<std::string>("type");
  if (type == "function") return Kind::kFunction;
  if (type == "custom") return Kind::kCustom;
  return std::nullopt;
}

void ReadFunction(ObjectReader& function, const Places& places, ToolSpec& tool) {
  tool.name = function.Required<std::string>("name");
  CheckName(tool.name, function.Path("name"));
  tool.description = function.Get<std::string>("description", "");
  tool.strict = function.Get<bool>("strict", false);
  if (const Json* parameters = function.Find("parameters")) {
    if (!parameters->is_object())
      throw InvalidType(function.Path("parameters"), "a JSON Schema", TypeName(*parameters));
    tool.parameters = places.TextOf(*parameters);
  }
}

// Either form is taken: clients of one API often speak the other's.
bool IsFlat(ObjectReader& object, ToolForm form, const char* member = "function") {
  return !object.Has(member) && (form == ToolForm::kFlat || object.Has("name"));
}

// The template knows the nested form only.
std::string NestedText(const Json& flat, const Places& places) {
  std::string text = "{\"type\": \"function\", \"function\": {";
  const char* before = "";
  for (const char* name : {"name", "description", "parameters", "strict"}) {
    const std::string_view value = places.TextOf(flat, name);
    if (value.empty() || value == "null") continue;
    text.append(before).append("\"").append(name).append("\": ").append(value);
    before = ", ";
  }
  return text + "}}";
}

ToolSpec ReadTool(const Json& value, const Places& places, const std::string& path, ToolForm form, Warnings& warnings) {
  ObjectReader object(value, path);
  object.Find("type");
  ToolSpec tool;
  if (IsFlat(object, form)) {
    ReadFunction(object, places, tool);
    tool.json = NestedText(value, places);
  } else {
    ObjectReader function(object.Require("function"), object.Path("function"));
    ReadFunction(function, places, tool);
    tool.json = places.TextOf(value);
    WarnUnread(function, warnings);
  }
  WarnUnread(object, warnings);
  return tool;
}

// Tools of other kinds are run elsewhere (web_search, mcp, ...): they are left out, and the others beside them work.
void LeaveOut(ObjectReader& object, Warnings& warnings) {
  const std::string type = object.Required<std::string>("type");
  warnings.Add("'" + object.path() + "' of type " + type.substr(0, 80) + " is left out: such tools cannot be run here");
}

// Adds the tool, unless it is left out.
void AddTool(const Json& value, const Places& places, const std::string& path, ToolForm form, Warnings& warnings,
             std::vector<ToolSpec>& tools) {
  ObjectReader object(value, path);
  const std::optional<Kind> kind = ReadKind(object);
  if (form == ToolForm::kFlat && object.Require("type") == kLocalShell) return tools.push_back(LocalShellTool());
  if (!kind) return LeaveOut(object, warnings);
  tools.push_back(kind == Kind::kCustom ? ReadCustomTool(object, warnings)
                                        : ReadTool(value, places, path, form, warnings));
}

void Rename(const std::string& name, ToolSpec& tool) {
  tool.own_name = std::exchange(tool.name, name);
  std::string quoted;
  text::AppendJsonString(name, quoted);
  const std::string_view old = RawMember(RawMember(tool.json, "function"), "name");
  tool.json.replace(static_cast<size_t>(old.data() - tool.json.data()), old.size(), quoted);
}

// {"type": "namespace", "name", "description", "tools"}: its tools, under names that tell them from others.
void AddNamespace(ObjectReader& space, const Places& places, Warnings& warnings, std::vector<ToolSpec>& tools) {
  const std::string name = space.Required<std::string>("name");
  CheckName(name, space.Path("name"));
  space.Find("description");  // of all of them together; each has its own
  const std::string path = space.Path("tools");
  const auto& array = ReadArray(space.Require("tools"), path);
  const size_t first = tools.size();
  for (size_t i = 0; i < array.size(); ++i)
    AddTool(array[i], places, IndexPath(path, i), ToolForm::kFlat, warnings, tools);
  for (size_t i = first; i < tools.size(); ++i) {
    tools[i].space = name;
    Rename(SpacedName(name, tools[i].name), tools[i]);
    CheckName(tools[i].name, path);
  }
  WarnUnread(space, warnings);
}

bool IsOffered(const std::vector<ToolSpec>& tools, const std::string& name) {
  return std::any_of(tools.begin(), tools.end(), [&](const ToolSpec& tool) { return tool.name == name; });
}

// The name, for the model, of the tool of that kind whose own name and namespace these are.
std::string FindTool(const std::vector<ToolSpec>& tools, Kind kind, const std::string& name, const std::string& space,
                     const std::string& path) {
  const std::string full = space.empty() ? name : SpacedName(space, name);
  const auto found = std::find_if(tools.begin(), tools.end(),
                                  [&](const ToolSpec& tool) { return tool.kind == kind && tool.name == full; });
  if (found != tools.end()) return full;
  throw InvalidValue(path, std::string("there is no ") + (kind == Kind::kCustom ? "custom tool" : "function") + " '" +
                               name.substr(0, 80) + "' in 'tools'.");
}

// {"type": "function" or "custom", ...} naming one of the tools.
std::string ReadNamed(ObjectReader& object, Kind kind, const std::vector<ToolSpec>& tools, ToolForm form,
                      Warnings& warnings) {
  const char* member = kind == Kind::kCustom ? "custom" : "function";
  if (IsFlat(object, form, member)) {
    const std::string name = object.Required<std::string>("name");
    const std::string space = object.Get<std::string>("namespace", "");
    WarnUnread(object, warnings);
    return FindTool(tools, kind, name, space, object.Path("name"));
  }
  ObjectReader inner(object.Require(member), object.Path(member));
  const std::string name = inner.Required<std::string>("name");
  WarnUnread(inner, warnings);
  WarnUnread(object, warnings);
  return FindTool(tools, kind, name, "", inner.Path("name"));
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
  for (size_t i = 0; i < allowed.size(); ++i) {
    ObjectReader tool(allowed[i], IndexPath(path, i));
    const std::optional<Kind> kind = ReadKind(tool);
    if (kind)
      choice.allowed.push_back(ReadNamed(tool, *kind, tools, form, warnings));
    else
      LeaveOut(tool, warnings);
  }
  if (choice.allowed.empty())
    throw InvalidValue(path, "at least one tool that can be run here must be allowed.", "empty_array");
  WarnUnread(object, warnings);
  return choice;
}

// The deprecated form of one function, as a tool.
ToolSpec ReadLegacyFunction(const Json& value, const Places& places, const std::string& path, Warnings& warnings) {
  ObjectReader function(value, path);
  ToolSpec tool;
  ReadFunction(function, places, tool);
  tool.json = "{\"type\": \"function\", \"function\": " + std::string(places.TextOf(value)) + "}";
  WarnUnread(function, warnings);
  return tool;
}

// The tools of the list `member` of the object, each of another name. add(entry, its path, tools) reads one entry.
template <typename Add>
std::vector<ToolSpec> ReadEach(ObjectReader& object, const std::string& member, const Add& add) {
  std::vector<ToolSpec> tools;
  const Json* value = object.Find(member);
  if (!value) return tools;
  const auto& array = ReadArray(*value, object.Path(member));
  std::set<std::string> names;
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string path = IndexPath(object.Path(member), i);
    const size_t first = tools.size();
    add(array[i], path, tools);
    if (tools.size() > kMaxTools)
      throw InvalidValue(object.Path(member), "at most 1024 " + member + " can be given.", "array_above_max_length");
    for (size_t t = first; t < tools.size(); ++t) {
      if (!names.insert(tools[t].name).second)
        throw InvalidValue(path, "there is another '" + tools[t].name + "' before it; names must differ.");
    }
  }
  return tools;
}

}  // namespace

std::string SpacedName(const std::string& space, const std::string& name) { return space + "__" + name; }

std::vector<ToolSpec> ReadTools(ObjectReader& body, const Places& places, ToolForm form, Warnings& warnings) {
  return ReadEach(body, "tools", [&](const Json& value, const std::string& path, std::vector<ToolSpec>& tools) {
    ObjectReader object(value, path);
    if (form == ToolForm::kFlat && object.Required<std::string>("type") == "namespace")
      return AddNamespace(object, places, warnings, tools);
    AddTool(value, places, path, form, warnings, tools);
  });
}

void AddTools(std::vector<ToolSpec> more, std::vector<ToolSpec>& tools) {
  for (ToolSpec& tool : more) {
    const auto same = std::find_if(tools.begin(), tools.end(), [&](const ToolSpec& t) { return t.name == tool.name; });
    if (same != tools.end())
      *same = std::move(tool);
    else
      tools.push_back(std::move(tool));
  }
  if (tools.size() > kMaxTools)
    throw InvalidValue("tools", "at most 1024 tools can be given, those of the input included.",
                       "array_above_max_length");
}

std::vector<ToolSpec> ReadLegacyFunctions(ObjectReader& body, const Places& places, Warnings& warnings) {
  return ReadEach(body, "functions", [&](const Json& function, const std::string& path, std::vector<ToolSpec>& tools) {
    tools.push_back(ReadLegacyFunction(function, places, path, warnings));
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
    const std::optional<Kind> kind = ReadKind(object);
    if (form == ToolForm::kFlat && object.Require("type") == kLocalShell) {
      choice.mode = ToolChoice::Mode::kRequired;
      choice.named = true;
      choice.allowed.push_back(FindTool(tools, Kind::kFunction, kLocalShell, "", "tool_choice.type"));
      return choice;
    }
    if (!kind)
      throw InvalidValue("tool_choice.type",
                         "tools of type '" + object.Required<std::string>("type").substr(0, 80) +
                             "' cannot be run here; only 'function' and 'custom' can be demanded.",
                         "unsupported_value");
    choice.mode = ToolChoice::Mode::kRequired;
    choice.named = true;
    choice.allowed.push_back(ReadNamed(object, *kind, tools, form, warnings));
  }
  if (choice.mode == ToolChoice::Mode::kRequired && tools.empty()) {
    throw InvalidValue("tool_choice", "it is only allowed when 'tools' are given.");
  }
  return choice;
}

}  // namespace puna::api
