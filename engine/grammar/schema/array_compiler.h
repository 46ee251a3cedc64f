// The arrays of a schema as grammar.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {

class ArrayCompiler {
 public:
  ArrayCompiler(SchemaCompiler& schemas, const Shape& shape)
      : c_(schemas), b_(schemas.b_), json_(schemas.json_), s_(shape) {}
  NodeId Compile();

 private:
  NodeId Plain();

  // uniqueItems: where the items are few values, each of them once; else where no two can be equal.
  bool IsUniqueAnyhow() const;
  std::optional<std::vector<std::string>> FewValues() const;
  std::optional<NodeId> Unique(const std::vector<std::string>& values);
  NodeId Rest(const std::vector<std::string>& values, const std::vector<bool>& used, int count);

  // contains: a table over the items before and how many of them were such.
  std::optional<NodeId> Containing(const ContainsRule& rule);

  SchemaCompiler& c_;
  GrammarBuilder& b_;
  JsonNodes& json_;
  const Shape& s_;
  std::map<std::vector<bool>, NodeId> rests_;
};

}  // namespace puna::engine
