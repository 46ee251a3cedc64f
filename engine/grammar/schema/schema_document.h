// A JSON Schema as it was written, with what its references lead to.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/grammar/schema/json_nodes.h"

namespace puna::engine {

// A schema and where it stands.
struct SchemaAt {
  const Json* schema = nullptr;
  std::string path;  // "#/properties/a"
};

class SchemaDocument {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;
  static constexpr int kMaxDepth = 200;

  // Throws GrammarError: not JSON, too large, too deep, or no schema.
  explicit SchemaDocument(std::string_view text);

  SchemaAt root() const { return {&root_, "#"}; }
  SchemaAt Child(const SchemaAt& parent, const std::string& keyword) const;
  SchemaAt Child(const SchemaAt& parent, const std::string& keyword, const std::string& key) const;
  SchemaAt Child(const SchemaAt& parent, const std::string& keyword, size_t index) const;
  // What `$ref` of this schema leads to.
  SchemaAt Resolve(const SchemaAt& at) const;
  // Refuses keywords that say something we cannot enforce; words that JSON Schema does not know say
  // nothing, as it demands.
  void CheckKeywords(const SchemaAt& at);

 private:
  const Json* FindAnchor(const Json& value, const std::string& name) const;

  Json root_;
  std::unordered_set<const Json*> checked_;
};

// Throws GrammarError: `keyword` must be what `expected` says.
[[noreturn]] void FailKeyword(const SchemaAt& at, const std::string& keyword, const std::string& message);
// A member that counts something: a whole number of 0 and more, cut at kUnbounded.
int ReadCount(const SchemaAt& at, const std::string& keyword);

}  // namespace puna::engine
