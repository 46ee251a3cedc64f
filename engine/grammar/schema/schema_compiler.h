// JSON Schema (draft 2020-12) to grammar. Objects have their properties in the schema's order,
// additional ones behind them; where additionalProperties is not said beside properties, none are
// made up. What cannot be enforced is refused with a GrammarError.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/schema/shape.h"

namespace puna::engine {

class SchemaCompiler {
 public:
  // `text`: the schema as JSON. Several schemas may be compiled into one builder.
  SchemaCompiler(std::string_view text, JsonNodes& json, GrammarBuilder& builder);
  NodeId Compile();

 private:
  static constexpr int kMaxDepth = 300;
  static constexpr size_t kMaxBranches = 512;
  struct Pending {
    SchemaAt at;
    std::vector<const Json*> within;  // the schemas that led here without a value in between
  };
  struct Expansion {
    std::vector<Pending> todo;
    SchemaSet done;
    std::vector<std::vector<Pending>> choices;
  };

  // The set without references and choices: one of the result holds.
  std::vector<SchemaSet> Expand(const SchemaSet& schemas);
  void ExpandInto(Expansion state, std::vector<SchemaSet>& out);
  bool ExpandOne(const Pending& pending, Expansion& state);
  void CheckExclusive(const SchemaAt& at);

  // Whether no value can satisfy both; false when that is not clear.
  bool Disjoint(const SchemaSet& a, const SchemaSet& b, int depth);
  bool DisjointShapes(const Shape& a, const Shape& b, int depth);
  bool DisjointStrings(const Shape& a, const Shape& b);
  bool DisjointObjects(const Shape& a, const Shape& b, int depth);
  bool Satisfies(const Json& value, const SchemaSet& schemas, int depth);
  bool SatisfiesShape(const Json& value, const Shape& shape, int depth);

  NodeId CompileSet(const SchemaSet& schemas);
  NodeId CompileShape(const Shape& shape);
  NodeId CompileValues(const Shape& shape);
  NodeId CompileNumber(const Shape& shape);
  NodeId CompileInteger(const Shape& shape);
  NodeId CompileString(const Shape& shape);
  Dfa StringDfa(const Shape& shape);
  NodeId CompileArray(const Shape& shape);

  NodeId CompileMultiples(const Shape& shape, int64_t lo, int64_t hi, bool open_end);
  static SchemaAt Never();

  friend class ObjectCompiler;

  SchemaDocument document_;
  JsonNodes& json_;
  GrammarBuilder& b_;
  std::map<std::vector<const Json*>, NodeId> rules_;  // by set of schemas
  std::unordered_set<const Json*> exclusive_;         // whose oneOf has been looked at
  int depth_ = 0;
  int64_t work_ = 0;  // steps of Expand, against schemas that explode
};

}  // namespace puna::engine
