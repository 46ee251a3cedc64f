#include "server/generate/grammar_store.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "api/json/error.h"
#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/compile.h"

namespace puna::server {
namespace {

using Kind = api::OutputFormat::Kind;

engine::AnswerSpec SpecOf(const api::OutputFormat& format) {
  using Answer = engine::AnswerSpec::Kind;
  switch (format.kind) {
    case Kind::kJsonSchema:
      return {Answer::kJsonSchema, format.source, {}, format.strict};
    case Kind::kRegex:
      return {Answer::kRegex, format.source};
    case Kind::kChoice:
      return {Answer::kChoice, "", format.choices};
    case Kind::kGrammar:
      return {Answer::kGbnf, format.source};
    default:
      return {};
  }
}

// Unambiguous, whatever the parts hold.
void AddToKey(const std::string& part, std::string& key) { key += std::to_string(part.size()) + ":" + part; }

engine::ToolGrammarSpec::Input InputOf(api::InputGrammar::Syntax syntax) {
  using Syntax = api::InputGrammar::Syntax;
  using Input = engine::ToolGrammarSpec::Input;
  return syntax == Syntax::kLark ? Input::kLark : syntax == Syntax::kRegex ? Input::kRegex : Input::kText;
}

// Not strict: only what can be enforced of the schema is, and the rest told.
std::vector<engine::ToolGrammarSpec> SpecsOf(const std::vector<api::ToolSpec>& tools) {
  std::vector<engine::ToolGrammarSpec> specs;
  for (const api::ToolSpec& tool : tools) {
    if (!engine::DescribesObject(tool.parameters))
      throw api::InvalidValue(
          "tools", "the parameters of '" + tool.name + "' must be a JSON Schema of type object: arguments have names.");
    if (tool.kind == api::ToolSpec::Kind::kCustom)
      specs.push_back({tool.name, tool.input.definition, /*strict=*/false, InputOf(tool.input.syntax)});
    else
      specs.push_back({tool.name, tool.parameters, tool.strict});
  }
  return specs;
}

std::vector<std::string> WarningsOf(const engine::Compilation& compilation) {
  std::vector<std::string> warnings;
  for (const auto& [keyword, path, reason] : compilation.losses())
    warnings.push_back("'" + keyword + "' at " + path + " is not enforced, all else is: " + reason);
  return warnings;
}

std::string KeyOf(const api::OutputFormat& format) {
  std::string key = std::to_string(static_cast<int>(format.kind)) + (format.strict ? "s " : "- ");
  AddToKey(format.source, key);
  for (const std::string& choice : format.choices) AddToKey(choice, key);
  return key;
}

std::string KeyOf(const std::vector<api::ToolSpec>& tools, const engine::ToolCallSyntax& syntax, bool parallel) {
  std::string key = std::string("tools ") + (parallel ? "+ " : "1 ");
  for (const std::string& part : {syntax.before_name, syntax.before_arguments, syntax.behind, syntax.between})
    AddToKey(part, key);
  for (const api::ToolSpec& tool : tools) {
    AddToKey(tool.name, key);
    const bool custom = tool.kind == api::ToolSpec::Kind::kCustom;
    AddToKey(custom ? tool.input.definition : tool.parameters, key);
    key += custom ? static_cast<char>('0' + static_cast<int>(tool.input.syntax)) : tool.strict ? 's' : '-';
  }
  return key;
}

// What it takes, about.
size_t BytesOf(const engine::Grammar& grammar) {
  size_t bytes = sizeof grammar;
  for (int id = 0; id < grammar.size(); ++id) {
    const engine::GrammarNode& node = grammar.node(id);
    bytes += sizeof node + node.children.capacity() * sizeof(engine::NodeId);
  }
  return bytes;
}

std::string ParamOf(const api::OutputFormat& format) {
  return format.param.starts_with("response_format") ? "response_format" : format.param;
}

}  // namespace

GrammarStore::GrammarStore(const engine::Tokenizer& tokenizer, int vocab_size)
    : vocabulary_(tokenizer, vocab_size), masks_(vocabulary_) {}

GrammarStore::Entry GrammarStore::FindOrCompile(const std::string& key, const std::string& param,
                                                const Deadline& deadline, const Compiler& compile) {
  {
    const engine::MutexLock lock(mutex_);
    const auto known =
        std::find_if(grammars_.begin(), grammars_.end(), [&](const Entry& entry) { return entry.key == key; });
    if (known != grammars_.end()) {
      grammars_.splice(grammars_.begin(), grammars_, known);
      return *known;
    }
  }
  Entry entry{key, nullptr};
  engine::Compilation compilation(engine::Compilation::Mode::kStrict, deadline.end());
  compilation.CountIn(grammar_bytes_);
  try {
    entry.grammar = Counted(compile(compilation));
  } catch (const engine::GrammarError& e) {
    deadline.Check();
    const bool of_tool = e.path().starts_with("tool '");
    throw api::InvalidValue(of_tool ? "tools" : param, e.what());
  }
  entry.warnings = WarningsOf(compilation);
  const engine::MutexLock lock(mutex_);
  grammars_.push_front(entry);
  if (grammars_.size() > kCapacity) grammars_.pop_back();
  return entry;
}

GrammarStore::GrammarPtr GrammarStore::Counted(engine::Grammar grammar) const {
  const size_t bytes = BytesOf(grammar);
  auto whole = std::make_unique<engine::Grammar>(std::move(grammar));
  *grammar_bytes_ += bytes;  // before anything may give them back: a pointer that cannot be made does
  return {whole.release(), [count = grammar_bytes_, bytes](const engine::Grammar* held) {
            delete held;
            *count -= bytes;
          }};
}

void GrammarStore::GiveBack(size_t bytes) {
  const size_t before = this->bytes();
  masks_.GiveBack(bytes);
  const engine::MutexLock lock(mutex_);
  while (!grammars_.empty() && before - std::min(before, this->bytes()) < bytes) grammars_.pop_back();
}

GrammarStore::GrammarPtr GrammarStore::Told(const Entry& entry, api::Warnings& warnings) {
  for (const std::string& warning : entry.warnings) warnings.AddOnce(warning);
  return entry.grammar;
}

GrammarStore::GrammarPtr GrammarStore::Find(const api::OutputFormat& format, api::Warnings& warnings,
                                            const Deadline& deadline) {
  const auto compile = [&](engine::Compilation& compilation) {
    return engine::CompileAnswer(SpecOf(format), compilation);
  };
  return Told(FindOrCompile(KeyOf(format), ParamOf(format), deadline, compile), warnings);
}

GrammarStore::GrammarPtr GrammarStore::FindCalls(const std::vector<api::ToolSpec>& tools,
                                                 const engine::ToolCallSyntax& syntax, bool parallel,
                                                 api::Warnings& warnings, const Deadline& deadline) {
  const auto compile = [&](engine::Compilation& compilation) {
    return engine::CompileToolCalls(SpecsOf(tools), syntax, parallel, compilation);
  };
  return Told(FindOrCompile(KeyOf(tools, syntax, parallel), "tools", deadline, compile), warnings);
}

GrammarStore::GrammarPtr GrammarStore::FindFormOrCalls(const api::OutputFormat& format,
                                                       const std::vector<api::ToolSpec>& tools,
                                                       const engine::ToolCallSyntax& syntax, bool parallel,
                                                       api::Warnings& warnings, const Deadline& deadline) {
  const auto compile = [&](engine::Compilation& compilation) {
    return engine::CompileAnswerOrCalls(SpecOf(format), SpecsOf(tools), syntax, parallel, compilation);
  };
  return Told(
      FindOrCompile(KeyOf(tools, syntax, parallel) + " or " + KeyOf(format), ParamOf(format), deadline, compile),
      warnings);
}

const engine::TagFinder& GrammarStore::Tag(const std::string& tag) {
  const engine::MutexLock lock(mutex_);
  std::unique_ptr<engine::TagFinder>& finder = tags_[tag];
  if (!finder) finder = std::make_unique<engine::TagFinder>(vocabulary_, tag);
  return *finder;
}

}  // namespace puna::server
