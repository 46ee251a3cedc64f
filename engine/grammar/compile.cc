#include "engine/grammar/compile.h"

#include "engine/grammar/gbnf.h"
#include "engine/grammar/grammar_error.h"
#include "engine/grammar/json_nodes.h"
#include "engine/grammar/regex.h"
#include "engine/grammar/schema_compiler.h"

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
      if (schema.is_object() && !schema.contains("type") && !schema.contains("$ref")) schema["type"] = "object";
      if (schema.is_discarded()) throw GrammarError("parameters", "#", "it is not valid JSON");
      parameters = SchemaCompiler(schema.dump(), json, b).Compile();
    } catch (const GrammarError& e) {
      throw GrammarError(e.keyword(), "tool '" + tool.name + "' " + e.path(), std::string(e.what()).substr(e.keyword().size() + 4 + e.path().size() + 2));
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
    case ToolCallStyle::kLlama: return around(named + ", \"parameters\": ", "}");
    case ToolCallStyle::kFunctionTag: return around("<function=" + tool.name + ">", "</function>");
    default: return around("<tool_call>\n" + named + ", \"arguments\": ", "}\n</tool_call>");
  }
}

}  // namespace

Grammar CompileJsonSchema(std::string_view schema) {
  GrammarBuilder builder;
  JsonNodes json(builder);
  const NodeId root = SchemaCompiler(schema, json, builder).Compile();
  return std::move(builder).Finish(root, "schema", "#");
}

Grammar CompileJsonObject() {
  GrammarBuilder builder;
  const NodeId root = JsonNodes(builder).AnyObject();
  return std::move(builder).Finish(root, "json_object", "#");
}

Grammar CompileRegex(std::string_view pattern) {
  GrammarBuilder builder;
  const NodeId root = RegexNode(ParseRegex(pattern, RegexScope::kWhole, "regex", "#"), CharEncoding::kUtf8, builder);
  return std::move(builder).Finish(root, "regex", "#");
}

Grammar CompileChoice(const std::vector<std::string>& choices) {
  GrammarBuilder builder;
  const NodeId root = builder.Literals(choices);
  return std::move(builder).Finish(root, "choice", "#");
}

Grammar CompileGbnf(std::string_view text) {
  GrammarBuilder builder;
  const NodeId root = ParseGbnf(text, builder);
  return std::move(builder).Finish(root, "grammar", "root");
}

Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, ToolCallStyle style, bool parallel) {
  GrammarBuilder b;
  JsonNodes json(b);
  std::vector<NodeId> branches;
  for (const ToolGrammarSpec& tool : tools) branches.push_back(CompileTool(tool, style, json, b));
  const NodeId call = b.Choice(std::move(branches));
  const char* between = style == ToolCallStyle::kLlama ? "; " : style == ToolCallStyle::kHermes ? "\n" : "";
  const NodeId next = b.Sequence({b.Literal(between), call});
  const NodeId root = parallel ? b.Sequence({call, b.Repeat(next, 0, kMaxRepeatedCalls - 1)}) : call;
  return std::move(b).Finish(root, "tools", "#");
}

}  // namespace puna::engine
