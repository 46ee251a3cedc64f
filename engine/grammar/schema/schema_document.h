// A JSON Schema as it was written, with what its references lead to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/grammar/automata/compilation.h"
#include "engine/grammar/schema/json_nodes.h"

namespace puna::engine {

// A schema and where it stands; or one thing that it says, or the contrary of either.
struct SchemaAt {
  const Json* schema = nullptr;
  std::string path;          // "#/properties/a"
  bool negated = false;      // it must not hold
  std::string keyword = "";  // only this keyword of it counts; "absent", "present": see `member`
  std::string member = "";   // of the keyword: this one of its names or places; the property that is absent or present

  // What makes two of them the same.
  auto Identity() const { return std::tie(schema, negated, keyword, member); }
};

class SchemaDocument {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;
  static constexpr int kMaxDepth = 200;

  // Throws GrammarMistake: not JSON, or no schema; CompilationLimit: too large or too deep. What cannot be followed or
  // read later is lost in `compilation`.
  SchemaDocument(std::string_view text, Compilation& compilation);

  SchemaAt root() const { return {&root_, "#"}; }
  // Subschemas by keyword, and by key or place. None: there is no schema there, which is told as the loss of `keyword`.
  std::optional<SchemaAt> Child(const SchemaAt& parent, const std::string& keyword) const;
  std::optional<SchemaAt> Child(const SchemaAt& parent, const std::string& keyword, const std::string& key) const;
  std::optional<SchemaAt> Child(const SchemaAt& parent, const std::string& keyword, size_t index) const;
  // What `keyword` of this schema, $ref or one of its newer kinds, leads to. None: it leads out of the document, which is
  // told as its loss. Throws GrammarMistake when there is nothing where it leads.
  std::optional<SchemaAt> Resolve(const SchemaAt& at, const std::string& keyword) const;
  // Up to draft 7, what stands beside $ref is not looked at.
  bool ref_stands_alone() const { return old_; }
  // Loses keywords of old drafts that nobody should use any more. Words that JSON Schema does not know say nothing, as it
  // demands.
  void CheckKeywords(const SchemaAt& at);

  // A name for the schemas among which unevaluatedProperties and unevaluatedItems look, and back.
  std::string NameScope(const std::vector<const Json*>& schemas);
  const std::vector<const Json*>& Scope(const std::string& name) const { return scopes_.at(name); }

  void Lose(const SchemaAt& at, const std::string& keyword, const std::string& reason) const {
    compilation_.Lose(keyword, at.path, reason);
  }
  Compilation& compilation() const { return compilation_; }

 private:
  void Index(const Json& schema, const std::string& base);
  void IndexMembers(const Json& schema, const std::string& base);
  std::optional<SchemaAt> Checked(const SchemaAt& parent, const std::string& keyword, SchemaAt child) const;
  const Json* Find(const std::string& resource, const std::string& fragment) const;

  Compilation& compilation_;
  Json root_;
  bool old_ = false;                                      // draft 7 or older
  bool id_without_ = false;                               // draft 4 or older: `id`
  std::unordered_map<std::string, const Json*> targets_;  // by absolute address, with the name of an anchor
  std::unordered_map<const Json*, std::string> bases_;    // of schemas with references
  std::unordered_map<std::string, int> dynamic_anchors_;  // how many have this name
  std::unordered_set<const Json*> checked_;
  std::unordered_map<std::string, std::vector<const Json*>> scopes_;
};

// A member that counts something: a whole number of 0 and more, cut at kUnbounded. None: it is no such number.
std::optional<int> ReadCount(const Json& value);

}  // namespace puna::engine
