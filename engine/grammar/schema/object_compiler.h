// The objects of a schema as grammar.
#pragma once

#include <string>
#include <vector>

#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {

class ObjectCompiler {
 public:
  ObjectCompiler(SchemaCompiler& schemas, const Shape& shape)
      : c_(schemas), b_(schemas.b_), json_(schemas.json_), s_(shape), min_(shape.min_properties) {}
  NodeId Compile();

 private:
  static constexpr int kMaxCells = 100'000;
  struct Property {
    NodeId member;
    bool required;
  };

  bool Open() const;
  void ReadProperties();
  void ReadExtras();
  std::optional<Dfa> AllowedNames();
  void AddExtra(const Dfa& names, const SchemaSet& values);
  NodeId Extras(int count);
  NodeId Members();

  SchemaCompiler& c_;
  GrammarBuilder& b_;
  JsonNodes& json_;
  const Shape& s_;
  int min_;  // properties at least
  std::vector<std::string> names_;
  std::vector<Property> properties_;
  std::vector<NodeId> extra_;  // alternatives of what is not declared
};

}  // namespace puna::engine
