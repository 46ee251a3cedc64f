#include "server/generate/grammar_store.h"

#include <algorithm>

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
      return {Answer::kJsonSchema, format.source, {}};
    case Kind::kRegex:
      return {Answer::kRegex, format.source, {}};
    case Kind::kChoice:
      return {Answer::kChoice, "", format.choices};
    case Kind::kGrammar:
      return {Answer::kGbnf, format.source, {}};
    default:
      return {};
  }
}

// Unambiguous, whatever the parts hold.
void AddToKey(const std::string& part, std::string& key) { key += std::to_string(part.size()) + ":" + part; }

// The tool as far as its arguments can be held to its schema. Throws when a strict one's cannot.
engine::ToolGrammarSpec Enforceable(const api::ToolSpec& tool, std::vector<std::string>& warnings) {
  engine::ToolGrammarSpec spec{tool.name, tool.parameters};
  if (!engine::DescribesObject(tool.parameters)) {
    throw api::InvalidValue(
        "tools", "the parameters of '" + tool.name + "' must be a JSON Schema of type object: arguments have names.");
  }
  try {
    engine::CompileToolCalls({spec}, engine::ToolCallStyle::kLlama, false);
  } catch (const engine::GrammarError& e) {
    if (tool.strict) throw api::InvalidValue("tools", e.what());
    warnings.push_back(std::string("the arguments of a tool that is not strict can be any object: ") + e.what());
    spec.parameters = R"({"type": "object"})";
  }
  return spec;
}

std::vector<engine::ToolGrammarSpec> AllEnforceable(const std::vector<api::ToolSpec>& tools,
                                                    std::vector<std::string>& warnings) {
  std::vector<engine::ToolGrammarSpec> specs;
  for (const api::ToolSpec& tool : tools) specs.push_back(Enforceable(tool, warnings));
  return specs;
}

std::string KeyOf(const api::OutputFormat& format) {
  std::string key = std::to_string(static_cast<int>(format.kind)) + " ";
  AddToKey(format.source, key);
  for (const std::string& choice : format.choices) AddToKey(choice, key);
  return key;
}

std::string KeyOf(const std::vector<api::ToolSpec>& tools, engine::ToolCallStyle style, bool parallel) {
  std::string key = "tools " + std::to_string(static_cast<int>(style)) + (parallel ? "+ " : "1 ");
  for (const api::ToolSpec& tool : tools) {
    AddToKey(tool.name, key);
    AddToKey(tool.parameters, key);
    key += tool.strict ? 's' : '-';
  }
  return key;
}

std::string ParamOf(const api::OutputFormat& format) {
  return format.param.starts_with("response_format") ? "response_format" : format.param;
}

}  // namespace

GrammarStore::GrammarStore(const engine::Tokenizer& tokenizer, int vocab_size)
    : vocabulary_(tokenizer, vocab_size), masks_(vocabulary_) {}

GrammarStore::Entry GrammarStore::FindOrCompile(const std::string& key, const Compiler& compile) {
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
  entry.grammar = std::make_shared<const engine::Grammar>(compile(entry.warnings));
  const engine::MutexLock lock(mutex_);
  grammars_.push_front(entry);
  if (grammars_.size() > kCapacity) grammars_.pop_back();
  return entry;
}

GrammarStore::GrammarPtr GrammarStore::Find(const api::OutputFormat& format) {
  try {
    return FindOrCompile(KeyOf(format),
                         [&](std::vector<std::string>&) { return engine::CompileAnswer(SpecOf(format)); })
        .grammar;
  } catch (const engine::GrammarError& e) {
    throw api::InvalidValue(ParamOf(format), e.what());
  }
}

GrammarStore::GrammarPtr GrammarStore::FindCalls(const std::vector<api::ToolSpec>& tools, engine::ToolCallStyle style,
                                                 bool parallel, api::Warnings& warnings) {
  const Entry entry = FindOrCompile(KeyOf(tools, style, parallel), [&](std::vector<std::string>& told) {
    const std::vector<engine::ToolGrammarSpec> specs = AllEnforceable(tools, told);
    try {
      return engine::CompileToolCalls(specs, style, parallel);
    } catch (const engine::GrammarError& e) {
      throw api::InvalidValue("tools", e.what());
    }
  });
  for (const std::string& warning : entry.warnings) warnings.AddOnce(warning);
  return entry.grammar;
}

GrammarStore::GrammarPtr GrammarStore::FindFormOrCalls(const api::OutputFormat& format,
                                                       const std::vector<api::ToolSpec>& tools,
                                                       engine::ToolCallStyle style, bool parallel,
                                                       api::Warnings& warnings) {
  const std::string key = KeyOf(tools, style, parallel) + " or " + KeyOf(format);
  const Entry entry = FindOrCompile(key, [&](std::vector<std::string>& told) {
    const std::vector<engine::ToolGrammarSpec> specs = AllEnforceable(tools, told);
    try {
      return engine::CompileAnswerOrCalls(SpecOf(format), specs, style, parallel);
    } catch (const engine::GrammarError& e) {
      throw api::InvalidValue(ParamOf(format), e.what());
    }
  });
  for (const std::string& warning : entry.warnings) warnings.AddOnce(warning);
  return entry.grammar;
}

const engine::TagFinder& GrammarStore::Tag(const std::string& tag) {
  const engine::MutexLock lock(mutex_);
  std::unique_ptr<engine::TagFinder>& finder = tags_[tag];
  if (!finder) finder = std::make_unique<engine::TagFinder>(vocabulary_, tag);
  return *finder;
}

}  // namespace puna::server
