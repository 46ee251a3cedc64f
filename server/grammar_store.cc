#include "server/grammar_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "api/error.h"
#include "engine/grammar/compile.h"
#include "engine/grammar/grammar_error.h"

namespace puna::server {
namespace {

using Kind = api::OutputFormat::Kind;

engine::Grammar Compile(const api::OutputFormat& format) {
  switch (format.kind) {
    case Kind::kJsonSchema: return engine::CompileJsonSchema(format.source);
    case Kind::kRegex: return engine::CompileRegex(format.source);
    case Kind::kChoice: return engine::CompileChoice(format.choices);
    case Kind::kGrammar: return engine::CompileGbnf(format.source);
    default: return engine::CompileJsonObject();
  }
}

// Unambiguous, whatever the parts hold.
void AddToKey(const std::string& part, std::string& key) {
  key += std::to_string(part.size()) + ":" + part;
}

// Whether the tool's arguments can be held to its schema. Throws when a strict one's cannot.
bool CanEnforce(const api::ToolSpec& tool) {
  try {
    engine::CompileToolCalls({{tool.name, tool.parameters}}, engine::ToolCallStyle::kLlama, false);
    return true;
  } catch (const engine::GrammarError& e) {
    if (tool.strict) throw api::InvalidValue("tools", e.what());
    spdlog::warn("the arguments of a tool are not held to its schema: {}", e.what());
    return false;
  }
}

}  // namespace

GrammarStore::GrammarStore(const engine::Tokenizer& tokenizer, int vocab_size)
    : vocabulary_(tokenizer, vocab_size), masks_(vocabulary_) {}

GrammarStore::GrammarPtr GrammarStore::FindOrCompile(const std::string& key, const Compiler& compile) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(grammars_.begin(), grammars_.end(), [&](const auto& g) { return g.first == key; });
    if (known != grammars_.end()) {
      grammars_.splice(grammars_.begin(), grammars_, known);
      return known->second;
    }
  }
  auto grammar = std::make_shared<const engine::Grammar>(compile());
  const std::lock_guard lock(mutex_);
  grammars_.emplace_front(key, grammar);
  if (grammars_.size() > kCapacity) grammars_.pop_back();
  return grammar;
}

GrammarStore::GrammarPtr GrammarStore::Find(const api::OutputFormat& format) {
  std::string key = std::to_string(static_cast<int>(format.kind)) + " ";
  AddToKey(format.source, key);
  for (const std::string& choice : format.choices) AddToKey(choice, key);
  try {
    return FindOrCompile(key, [&] { return Compile(format); });
  } catch (const engine::GrammarError& e) {
    const std::string param = format.param.starts_with("response_format") ? "response_format" : format.param;
    throw api::InvalidValue(param, e.what());
  }
}

GrammarStore::GrammarPtr GrammarStore::FindCalls(const std::vector<api::ToolSpec>& tools, api::ToolFormat format, bool parallel) {
  const auto style = format == api::ToolFormat::kHermes ? engine::ToolCallStyle::kHermes : engine::ToolCallStyle::kLlama;
  std::string key = "tools " + std::to_string(static_cast<int>(style)) + (parallel ? "+ " : "1 ");
  for (const api::ToolSpec& tool : tools) {
    AddToKey(tool.name, key);
    AddToKey(tool.parameters, key);
    key += tool.strict ? 's' : '-';
  }
  return FindOrCompile(key, [&] {
    std::vector<engine::ToolGrammarSpec> specs;
    for (const api::ToolSpec& tool : tools)
      specs.push_back({tool.name, CanEnforce(tool) ? tool.parameters : R"({"type": "object"})"});
    try {
      return engine::CompileToolCalls(specs, style, parallel);
    } catch (const engine::GrammarError& e) {
      throw api::InvalidValue("tools", e.what());
    }
  });
}

}  // namespace puna::server
