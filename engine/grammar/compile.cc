#include "engine/grammar/compile.h"

#include "engine/grammar/gbnf.h"
#include "engine/grammar/grammar_error.h"
#include "engine/grammar/json_nodes.h"
#include "engine/grammar/regex.h"
#include "engine/grammar/schema_compiler.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxRepeatedCalls = 16;

NodeId CompileTool(const ToolGrammarSpec& tool, const char* arguments, JsonNodes& json, GrammarBuilder& b) {
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
  return b.Sequence({b.Literal("{\"name\": " + Json(tool.name).dump() + ", \"" + arguments + "\": "), parameters, b.Literal("}")});
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
  const bool hermes = style == ToolCallStyle::kHermes;
  std::vector<NodeId> branches;
  for (const ToolGrammarSpec& tool : tools) branches.push_back(CompileTool(tool, hermes ? "arguments" : "parameters", json, b));
  NodeId call = b.Choice(std::move(branches));
  if (hermes) call = b.Sequence({b.Literal("<tool_call>\n"), call, b.Literal("\n</tool_call>")});
  const NodeId next = b.Sequence({b.Literal(hermes ? "\n" : "; "), call});
  const NodeId root = parallel ? b.Sequence({call, b.Repeat(next, 0, kMaxRepeatedCalls - 1)}) : call;
  return std::move(b).Finish(root, "tools", "#");
}

}  // namespace puna::engine
