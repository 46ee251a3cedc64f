// JSON Schema (draft 2020-12, and what older drafts write otherwise) to grammar. Objects have their properties in the
// schema's order, additional ones behind them; where additionalProperties is not said beside properties, none are made
// up. What cannot be enforced is lost in the compilation: a GrammarError where that is strict, else left out and told.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "engine/grammar/schema/shape.h"

namespace puna::engine {

class SchemaCompiler {
 public:
  // `text`: the schema as JSON. Several schemas may be compiled into one builder.
  SchemaCompiler(std::string_view text, JsonNodes& json, GrammarBuilder& builder);
  NodeId Compile();
  // The innermost place that leaves nothing for what MinBytes says that no text matches, such as "#/properties/id".
  std::string WhereNothing(NodeId node) const;

 private:
  static constexpr int kMaxDepth = 300;
  static constexpr size_t kMaxBranches = 512;
  struct Pending {
    SchemaAt at;
    std::vector<const Json*> within;  // the schemas that led here without a value in between;
                                      // null: by a contrary
  };
  using Branch = std::vector<Pending>;  // all of them hold
  struct Expansion {
    std::vector<Pending> todo, done;
    std::vector<std::vector<Branch>> choices;
  };
  using Identity = std::vector<std::tuple<const Json*, bool, std::string, std::string>>;

  // The set without references and choices: one of the result holds.
  std::vector<SchemaSet> Expand(const SchemaSet& schemas);
  void ExpandInto(Expansion state, std::vector<SchemaSet>& out);
  SchemaSet Completed(const Expansion& state);
  bool ExpandOne(const Pending& pending, Expansion& state);
  void ExpandReferences(const Pending& here, Expansion& state);
  void ExpandLists(const Pending& here, Expansion& state);
  void ExpandConditions(const Pending& here, Expansion& state);
  void ExpandDependencies(const Pending& here, const char* keyword, Expansion& state);
  void ExpandOneOf(const Pending& here, Expansion& state);
  std::vector<SchemaSet> OneOfBranches(const SchemaAt& at);
  std::optional<SchemaSet> Apart(const SchemaAt& one, const SchemaAt& other, bool whole);

  // The contrary of a schema: one of the branches holds. Only where WhyNotNegated is empty.
  std::vector<Branch> NegatedBranches(const Pending& here);
  std::vector<Branch> NegatedKeyword(const Pending& here, const std::string& keyword);
  // Why the contrary of the schema cannot be enforced; empty: it can.
  std::string WhyNotNegated(const SchemaAt& at, std::vector<const Json*> within = {});
  std::string WhyNotNegatedKeyword(const SchemaAt& at, const std::string& keyword,
                                   const std::vector<const Json*>& within);

  // Whether no value can satisfy both; false when that is not clear.
  bool Disjoint(const SchemaSet& a, const SchemaSet& b, int depth);
  bool DisjointShapes(const Shape& a, const Shape& b, int depth);
  bool DisjointStrings(const Shape& a, const Shape& b);
  bool DisjointObjects(const Shape& a, const Shape& b, int depth);
  bool Satisfies(const Json& value, const SchemaSet& schemas, int depth);
  bool SatisfiesShape(const Json& value, const Shape& shape, int depth);
  bool SatisfiesNumber(const Json& value, const Shape& shape);
  bool SatisfiesString(const std::string& text, const Shape& shape);
  bool SatisfiesArray(const Json& value, const Shape& shape, int depth);
  bool SatisfiesObject(const Json& value, const Shape& shape, int depth);

  NodeId CompileSet(const SchemaSet& schemas);
  NodeId CompileShape(const Shape& shape);
  NodeId CompileValues(const Shape& shape);
  NodeId CompileBoolean(const Shape& shape);
  NodeId CompileNumber(const Shape& shape);
  NodeId CompileNumberBetween(const Shape& shape);
  NodeId CompileInteger(const Shape& shape);
  NodeId CompileString(const Shape& shape);
  std::optional<Dfa> PatternDfa(const PatternRule& rule);
  std::optional<Dfa> PatternsDfa(const Shape& shape);
  Dfa StringDfa(const Shape& shape);
  std::optional<NodeId> CompileMultiples(const Shape& shape, int64_t lo, int64_t hi, bool open_end);

  Place PlaceOf(const std::string& keyword, const std::string& path) { return {keyword, path, compilation_}; }
  static Identity IdentityOf(const SchemaSet& schemas);

  friend class ObjectCompiler;
  friend class ArrayCompiler;

  Compilation& compilation_;
  SchemaDocument document_;
  JsonNodes& json_;
  GrammarBuilder& b_;
  std::map<Identity, NodeId> rules_;                      // by set of schemas
  std::map<NodeId, std::string> paths_;                   // of the rules
  std::map<const Json*, std::vector<SchemaSet>> one_of_;  // what each oneOf has come to
  int depth_ = 0;
};

}  // namespace puna::engine
