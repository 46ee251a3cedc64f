// Figures of schemas: 1; raised when the documents' tables no longer describe this code.
#include "engine/grammar/compile.h"

#include <algorithm>

#include "engine/grammar/gbnf.h"
#include "engine/grammar/lark.h"
#include "engine/grammar/regex/regex.h"
#include "engine/grammar/schema/json_nodes.h"
#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxRepeatedCalls = 16;

// Sets the strictness while one part is compiled.
class Strictness {
 public:
  Strictness(Compilation& compilation, bool strict) : compilation_(compilation), before_(compilation.strict()) {
    compilation_.set_mode(strict ? Compilation::Mode::kStrict : Compilation::Mode::kLenient);
  }
  ~Strictness() { compilation_.set_mode(before_ ? Compilation::Mode::kStrict : Compilation::Mode::kLenient); }
  Strictness(const Strictness&) = delete;
  Strictness& operator=(const Strictness&) = delete;

 private:
  Compilation& compilation_;
  bool before_;
};

// Whether some text matches, as far as the schema's own part of the grammar goes.
bool CanBeMet(NodeId node, GrammarBuilder& b) { return b.MinBytes(node) != kUnbounded; }

// The schema's values; where that is not strict and the whole of it cannot be enforced, `otherwise`, which is told.
template <typename Otherwise>
NodeId SchemaNode(const std::string& schema, bool strict, JsonNodes& json, GrammarBuilder& b,
                  const Otherwise& otherwise) {
  Compilation& compilation = b.compilation();
  const Strictness strictness(compilation, strict);
  const size_t losses = compilation.losses().size();
  try {
    SchemaCompiler compiler(schema, json, b);
    const NodeId node = compiler.Compile();
    if (CanBeMet(node, b)) return node;
    throw GrammarError("schema", compiler.WhereNothing(node), "nothing can satisfy it");
  } catch (const GrammarMistake&) {
    throw;
  } catch (const CompilationLimit&) {
    throw;
  } catch (const GrammarError& e) {
    if (strict) throw;
    b.CloseRules();
    compilation.KeepLosses(losses);
    compilation.Lose(e.keyword(), e.path(), e.message() + "; nothing of the schema is enforced");
    return otherwise();
  }
}

// Arguments are an object, whatever the schema leaves open.
std::string ObjectSchema(const std::string& parameters) {
  Json schema = Json::parse(parameters, nullptr, false);
  if (schema.is_discarded()) throw GrammarMistake("parameters", "#", "it is not valid JSON");
  if (schema == Json(true)) schema = Json::object();
  const bool said = schema.is_object() && (schema.contains("$ref") || schema.value("type", Json()).is_string());
  if (schema.is_object() && !said) schema["type"] = "object";
  return schema.dump();
}

using Input = ToolGrammarSpec::Input;

// The characters of a text inside a JSON string.
NodeId TextNode(const ToolGrammarSpec& tool, GrammarBuilder& b) {
  if (tool.input == Input::kLark) return ParseLark(tool.parameters, CharEncoding::kJson, b);
  const Place place{"regex", "#", b.compilation()};
  return RegexNode(ParseRegex(tool.parameters, RegexScope::kWhole, place), CharEncoding::kJson, b, place);
}

// Whether the texts can be walked shows when a grammar is complete: by itself, so that one tool falls and not all.
void CheckText(const ToolGrammarSpec& tool, Compilation& compilation) {
  GrammarBuilder alone(compilation);
  const NodeId node = TextNode(tool, alone);
  std::move(alone).Finish(node, tool.input == Input::kLark ? "lark" : "regex", "#");
}

// {"input": TEXT}
NodeId InputNode(const ToolGrammarSpec& tool, JsonNodes& json, GrammarBuilder& b) {
  const auto object = [&](NodeId text) { return b.Sequence({b.Literal("{\"input\": "), text, b.Literal("}")}); };
  if (tool.input == Input::kText) return object(json.String(0, kUnbounded));
  const Strictness strictness(b.compilation(), tool.strict);
  try {
    CheckText(tool, b.compilation());
    return object(json.Quoted(TextNode(tool, b)));
  } catch (const GrammarMistake&) {
    throw;
  } catch (const CompilationLimit&) {
    throw;
  } catch (const GrammarError& e) {
    b.CloseRules();
    b.compilation().Lose(e.keyword(), e.path(), e.message() + "; the input may be any text");
    return object(json.String(0, kUnbounded));
  }
}

NodeId ArgumentsNode(const ToolGrammarSpec& tool, JsonNodes& json, GrammarBuilder& b) {
  if (tool.input != Input::kSchema) return InputNode(tool, json, b);
  return SchemaNode(ObjectSchema(tool.parameters), tool.strict, json, b, [&] { return json.AnyObject(); });
}

NodeId CompileParameters(const ToolGrammarSpec& tool, JsonNodes& json, GrammarBuilder& b) {
  if (tool.parameters.empty() && tool.input == Input::kSchema) return b.Literal("{}");
  const std::string where = "tool '" + tool.name + "' ";
  Compilation& compilation = b.compilation();
  const size_t losses = compilation.losses().size();
  const auto named = [&](const GrammarError& e) { return where + e.path(); };
  try {
    const NodeId node = ArgumentsNode(tool, json, b);
    compilation.NameLosses(losses, where);
    return node;
  } catch (const GrammarMistake& e) {
    throw GrammarMistake(e.keyword(), named(e), e.message());
  } catch (const CompilationLimit& e) {
    throw CompilationLimit(e.keyword(), named(e), e.message());
  } catch (const GrammarError& e) {
    throw GrammarError(e.keyword(), named(e), e.message());
  }
}

NodeId CompileTool(const ToolGrammarSpec& tool, const ToolCallSyntax& syntax, JsonNodes& json, GrammarBuilder& b) {
  return b.Sequence({b.Literal(syntax.before_name + tool.name + syntax.before_arguments),
                     CompileParameters(tool, json, b), b.Literal(syntax.behind)});
}

NodeId ToolCallsNode(const std::vector<ToolGrammarSpec>& tools, const ToolCallSyntax& syntax, bool parallel,
                     JsonNodes& json, GrammarBuilder& b) {
  std::vector<NodeId> branches;
  for (const ToolGrammarSpec& tool : tools) branches.push_back(CompileTool(tool, syntax, json, b));
  const NodeId call = b.Choice(std::move(branches));
  const NodeId next = b.Sequence({b.Literal(syntax.between), call});
  return parallel ? b.Sequence({call, b.Repeat(next, 0, kMaxRepeatedCalls - 1)}) : call;
}

NodeId AnswerNode(const AnswerSpec& answer, JsonNodes& json, GrammarBuilder& b) {
  switch (answer.kind) {
    case AnswerSpec::Kind::kJsonSchema:
      return SchemaNode(answer.source, answer.strict, json, b, [&] { return json.AnyValue(); });
    case AnswerSpec::Kind::kRegex: {
      const Place place{"regex", "#", b.compilation()};
      return RegexNode(ParseRegex(answer.source, RegexScope::kWhole, place), CharEncoding::kUtf8, b, place);
    }
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

Grammar CompileAnswer(const AnswerSpec& answer, Compilation& compilation) {
  GrammarBuilder b(compilation);
  JsonNodes json(b);
  const NodeId root = AnswerNode(answer, json, b);
  const auto [keyword, path] = NameOf(answer.kind);
  return std::move(b).Finish(root, keyword, path);
}

Grammar CompileAnswer(const AnswerSpec& answer) {
  Compilation compilation;
  return CompileAnswer(answer, compilation);
}

Grammar CompileToolCalls(const std::vector<ToolGrammarSpec>& tools, const ToolCallSyntax& syntax, bool parallel,
                         Compilation& compilation) {
  GrammarBuilder b(compilation);
  JsonNodes json(b);
  const NodeId root = ToolCallsNode(tools, syntax, parallel, json, b);
  return std::move(b).Finish(root, "tools", "#");
}

Grammar CompileAnswerOrCalls(const AnswerSpec& answer, const std::vector<ToolGrammarSpec>& tools,
                             const ToolCallSyntax& syntax, bool parallel, Compilation& compilation) {
  GrammarBuilder b(compilation);
  JsonNodes json(b);
  const NodeId form = AnswerNode(answer, json, b);
  const NodeId root = b.Choice({form, ToolCallsNode(tools, syntax, parallel, json, b)});
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
