#include "engine/grammar/compile.h"

#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/gbnf.h"
#include "engine/grammar/regex/regex.h"
#include "engine/grammar/schema/json_nodes.h"
#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxRepeatedCalls = 16;

NodeId CompileParameters(const ToolGrammarSpec& tool, JsonNodes& json, GrammarBuilder& b) {
  NodeId parameters = b.Literal("{}");
  if (!tool.parameters.empty()) {
    try {
      // Arguments are an object, whatever the schema leaves open.
      Json schema = Json::parse(tool.parameters, nullptr, false);
      if (schema == Json(true)) schema = Json::object();
      const bool said = schema.is_object() && (schema.contains("$ref") || schema.value("type", Json()).is_string());
      if (schema.is_object() && !said) schema["type"] = "object";
      if (schema.is_discarded()) throw GrammarError("parameters", "#", "it is not valid JSON");
      parameters = SchemaCompiler(schema.dump(), json, b).Compile();
    } catch (const GrammarError& e) {
      throw GrammarError(e.keyword(), "tool '" + tool.name + "' " + e.path(),
                         std::string(e.what()).substr(e.keyword().size() + 4 + e.path().size() + 2));
    }
  }
  return parameters;
}

NodeId CompileTool(const ToolGrammarSpec& tool, ToolCallStyle style, JsonNodes& json, GrammarBuilder& b) {
  const NodeId parameters = CompileParameters(tool, json, b);
  const auto around = [&](const std::string& before, const std::string& behind) {
    return b.Sequence({b.Literal(before), parameters, b.Literal(behind)});
  };
  const std::string named = "{\"name\": " + Json(tool.name).dump();
  switch (style) {
    case ToolCallStyle::kLlama:
      return around(named + ", \"parameters\": ", "}");
    case ToolCallStyle::kFunctionTag:
      return around("<function=" + tool.name + ">", "</function>");
    default:
      return around("<tool_call>\n" + named + ", \"arguments\": ", "}\n</tool_call>");
  }
}

NodeId ToolCallsNode(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel, JsonNodes& json,
                     GrammarBuilder& b) {
  std::vector<NodeId> branches;
  for (const ToolGrammarSpec& tool : tools) branches.push_back(CompileTool(tool, style, json, b));
  const NodeId call = b.Choice(std::move(branches));
  const char* between = style == ToolCallStyle::kLlama ? "; " : style == ToolCallStyle::kHermes ? "\n" : "";
  const NodeId next = b.Sequence({b.Literal(between), call});
  return parallel ? b.Sequence({call, b.Repeat(next, 0, kMaxRepeatedCalls - 1)}) : call;
}

NodeId AnswerNode(const AnswerSpec& answer, JsonNodes& json, GrammarBuilder& b) {
  switch (answer.kind) {
    case AnswerSpec::Kind::kJsonSchema:
      return SchemaCompiler(answer.source, json, b).Compile();
    case AnswerSpec::Kind::kRegex:
      return RegexNode(ParseRegex(answer.source, RegexScope::kWhole, "regex", "#"), CharEncoding::kUtf8, b);
    case AnswerSpec::Kind::kChoice:
      return b.Literals(answer.choices);
    case AnswerSpec::Kind::kGbnf:
      return ParseGbnf(answer.source, b);
    default:
      return json.AnyObject();
  }
}

// What Finish names when nothing can be written.
std::pair<const char*, const char*> NameOf(AnswerSpec::Kind kind) {
  switch (kind) {
    case AnswerSpec::Kind::kJsonSchema:
      return {"schema", "#"};
    case AnswerSpec::Kind::kRegex:
      return {"regex", "#"};
    case AnswerSpec::Kind::kChoice:
      return {"choice", "#"};
    case AnswerSpec::Kind::kGbnf:
      return {"grammar", "root"};
    default:
      return {"json_object", "#"};
  }
}

}  // namespace

Grammar CompileAnswer(const AnswerSpec& answer) {
  GrammarBuilder b;
  JsonNodes json(b);
  const NodeId root = AnswerNode(answer, json, b);
  const auto [keyword, path] = NameOf(answer.kind);
  return std::move(b).Finish(root, keyword, path);
}

Grammar CompileJsonSchema(std::string_view schema) {
  return CompileAnswer({AnswerSpec::Kind::kJsonSchema, std::string(schema), {}});
}

Grammar CompileJsonObject() { return CompileAnswer({}); }

Grammar CompileRegex(std::string_view pattern) {
  return CompileAnswer({AnswerSpec::Kind::kRegex, std::string(pattern), {}});
}

Grammar CompileChoice(const std::vector<std::string>& choices) {
  return CompileAnswer({AnswerSpec::Kind::kChoice, "", choices});
}

Grammar CompileGbnf(std::string_view text) { return CompileAnswer({AnswerSpec::Kind::kGbnf, std::string(text), {}}); }

Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel) {
  GrammarBuilder b;
  JsonNodes json(b);
  const NodeId root = ToolCallsNode(tools, style, parallel, json, b);
  return std::move(b).Finish(root, "tools", "#");
}

Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style,
                             bool parallel) {
  GrammarBuilder b;
  JsonNodes json(b);
  const NodeId form = AnswerNode(answer, json, b);
  const NodeId root = b.Choice({form, ToolCallsNode(tools, style, parallel, json, b)});
  const auto [keyword, path] = NameOf(answer.kind);
  return std::move(b).Finish(root, keyword, path);
}

bool DescribesObject(std::string_view schema) {
  const Json json = Json::parse(schema, nullptr, false);
  if (!json.is_object() || !json.contains("type")) return true;
  const Json& type = json["type"];
  return type.is_array() ? std::find(type.begin(), type.end(), "object") != type.end() : type == "object";
}

}  // namespace puna::engine
