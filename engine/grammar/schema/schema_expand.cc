// SchemaCompiler: references and choices resolved.
//
// The idea. In JSON Schema everything that stands in one schema holds at once: its own keywords, what $ref points to,
// all of allOf, and one of each anyOf, oneOf, if/then/else and dependency. A grammar has no "at once", so the
// conjunction is written out before anything is compiled, as a disjunctive normal form: a list of sets of plain
// schemas, where one set must hold, and within it all. The compiler then merges each set's keywords into one shape
// (shape_reader) and writes the choice between them.
//
// Expansion works off a list. `todo` has what holds and was not looked at, `done` what holds and says something itself,
// `choices` what branches. First the conjunction is followed to its end, and only then is the first choice tried branch
// by branch, each with a copy of the state: a branch that contradicts (false, or a schema that is its own condition,
// which no finite value meets) falls out as early as possible, and the product stays as small as it can. kMaxBranches
// and the compilation's budget bound it.
//
// oneOf is "this one and none of the others", which needs contraries: NegatedBranches pushes a "not" inwards until it
// stands before single keywords, which negated_reader turns into shapes. What cannot be said so is lost, and told
// (Place::Lose).
#include <algorithm>

#include "engine/grammar/schema/schema_compiler.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

// Whether a schema says anything by itself, apart from what it refers to.
bool HasOwnRules(const Json& schema) {
  static constexpr const char* kRules[] = {"type",
                                           "enum",
                                           "const",
                                           "minLength",
                                           "maxLength",
                                           "pattern",
                                           "format",
                                           "minimum",
                                           "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum",
                                           "multipleOf",
                                           "prefixItems",
                                           "items",
                                           "minItems",
                                           "maxItems",
                                           "uniqueItems",
                                           "contains",
                                           "properties",
                                           "patternProperties",
                                           "additionalProperties",
                                           "required",
                                           "propertyNames",
                                           "minProperties",
                                           "maxProperties",
                                           "unevaluatedProperties",
                                           "unevaluatedItems"};
  return std::any_of(std::begin(kRules), std::end(kRules), [&](const char* k) { return schema.contains(k); });
}

bool SaysNothing(const Json& schema) { return schema == Json(true) || (schema.is_object() && schema.empty()); }

}  // namespace

std::vector<SchemaSet> SchemaCompiler::Expand(const SchemaSet& schemas) {
  Expansion state;
  for (const SchemaAt& at : schemas) state.todo.push_back({at, {}});
  std::vector<SchemaSet> sets;
  ExpandInto(std::move(state), sets);
  return sets;
}

void SchemaCompiler::ExpandInto(Expansion state, std::vector<SchemaSet>& out) {
  while (!state.todo.empty()) {
    const Pending pending = std::move(state.todo.front());
    state.todo.erase(state.todo.begin());
    if (!ExpandOne(pending, state)) return;
  }
  if (state.choices.empty()) {
    if (out.size() >= kMaxBranches)
      throw GrammarError("anyOf", state.done.empty() ? "#" : state.done[0].at.path,
                         "the choices multiply to more than " + std::to_string(kMaxBranches));
    out.push_back(Completed(state));
    return;
  }
  const std::vector<Branch> branches = std::move(state.choices.back());
  state.choices.pop_back();
  for (const Branch& branch : branches) {
    Expansion with = state;
    with.todo.insert(with.todo.end(), branch.begin(), branch.end());
    ExpandInto(std::move(with), out);
  }
}

// What holds, with what is said of the unevaluated: that depends on what else holds.
SchemaSet SchemaCompiler::Completed(const Expansion& state) {
  SchemaSet set;
  for (const Pending& one : state.done) set.push_back(one.at);
  for (const Pending& one : state.done) {
    for (const char* keyword : {"unevaluatedProperties", "unevaluatedItems"}) {
      if (one.at.negated || !one.at.keyword.empty() || !one.at.schema->contains(keyword)) continue;
      if (SaysNothing(one.at.schema->at(keyword)) || !document_.Child(one.at, keyword)) continue;
      std::vector<const Json*> scope{one.at.schema};
      for (const Pending& other : state.done) {
        // What a contrary has led to speaks of nothing; a null pointer marks that way.
        const auto from = std::find(other.within.begin(), other.within.end(), one.at.schema);
        const bool inside =
            from != other.within.end() && std::find(from, other.within.end(), nullptr) == other.within.end();
        if (inside && other.at.keyword.empty() && !other.at.negated && other.at.schema != one.at.schema)
          scope.push_back(other.at.schema);
      }
      set.push_back({one.at.schema, one.at.path, false, keyword, document_.NameScope(scope)});
    }
  }
  return set;
}

// False: nothing satisfies the schema here.
bool SchemaCompiler::ExpandOne(const Pending& pending, Expansion& state) {
  const SchemaAt& at = pending.at;
  const Json& schema = *at.schema;
  compilation_.Spend(3 + static_cast<int64_t>(pending.within.size() + state.done.size()));
  const auto known = [&](const Pending& other) { return other.at.Identity() == at.Identity(); };
  const bool done = std::any_of(state.done.begin(), state.done.end(), known);
  if (!at.keyword.empty()) {
    if (!done) state.done.push_back(pending);
    return true;
  }
  if (schema.is_boolean()) return schema.get<bool>() != at.negated;
  // A schema that is its own condition is met by no finite value.
  if (std::find(pending.within.begin(), pending.within.end(), at.schema) != pending.within.end()) return false;
  Pending here{at, pending.within};
  here.within.push_back(at.schema);
  if (here.within.size() > 100) throw GrammarError("$ref", at.path, "references are nested too deeply");
  if (at.negated) {
    here.within.push_back(nullptr);
    std::vector<Branch> branches = NegatedBranches(here);
    if (branches.empty()) return false;
    state.choices.push_back(std::move(branches));
    return true;
  }
  document_.CheckKeywords(at);
  ExpandReferences(here, state);
  if (schema.contains("$ref") && document_.ref_stands_alone()) return true;
  ExpandLists(here, state);
  ExpandConditions(here, state);
  for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies"})
    ExpandDependencies(here, keyword, state);
  if (HasOwnRules(schema) && !done) state.done.push_back({at, pending.within});
  return true;
}

void SchemaCompiler::ExpandReferences(const Pending& here, Expansion& state) {
  for (const char* keyword : {"$ref", "$dynamicRef", "$recursiveRef"}) {
    if (!here.at.schema->contains(keyword)) continue;
    if (const auto target = document_.Resolve(here.at, keyword)) state.todo.push_back({*target, here.within});
  }
}

void SchemaCompiler::ExpandLists(const Pending& here, Expansion& state) {
  const SchemaAt& at = here.at;
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    if (!at.schema->contains(keyword)) continue;
    const Json& list = at.schema->at(keyword);
    if (!list.is_array() || list.empty()) {
      document_.Lose(at, keyword, "expected schemas in an array");
    } else if (keyword[0] == 'o') {
      ExpandOneOf(here, state);
    } else {
      std::vector<Branch> branches;
      for (size_t i = 0; i < list.size(); ++i)
        branches.push_back({{document_.Child(at, keyword, i).value_or(AnySchema()), here.within}});
      if (keyword[1] == 'n')
        state.choices.push_back(std::move(branches));
      else
        for (const Branch& branch : branches) state.todo.push_back(branch[0]);
    }
  }
}

// not, and if with then and else.
void SchemaCompiler::ExpandConditions(const Pending& here, Expansion& state) {
  const SchemaAt& at = here.at;
  const auto child = [&](const char* keyword) {
    return at.schema->contains(keyword) ? document_.Child(at, keyword) : std::nullopt;
  };
  const auto negated = [](SchemaAt schema) {
    schema.negated = true;
    return schema;
  };
  if (const auto no = child("not")) {
    const std::string why = WhyNotNegated(*no);
    if (why.empty())
      state.todo.push_back({negated(*no), here.within});
    else
      document_.Lose(at, "not", why);
  }
  const auto condition = child("if"), then = child("then"), otherwise = child("else");
  if (!condition || (!then && !otherwise)) return;
  Branch yes{{*condition, here.within}}, no;
  const std::string why = WhyNotNegated(*condition);
  if (!why.empty()) document_.Lose(at, "if", why);
  if (!why.empty() && !otherwise) return;
  if (why.empty()) no.push_back({negated(*condition), here.within});
  if (then) yes.push_back({*then, here.within});
  if (otherwise) no.push_back({*otherwise, here.within});
  state.choices.push_back({std::move(yes), std::move(no)});
}

// For each property that it names: it is absent, or what depends on it holds.
void SchemaCompiler::ExpandDependencies(const Pending& here, const char* keyword, Expansion& state) {
  const SchemaAt& at = here.at;
  constexpr size_t kMost = 6;
  if (!at.schema->contains(keyword)) return;
  const Json& members = at.schema->at(keyword);
  if (!members.is_object()) return document_.Lose(at, keyword, "expected an object");
  if (members.size() > kMost) return document_.Lose(at, keyword, "only up to 6 can be enforced");
  for (const auto& [name, needs] : members.items()) {
    Branch present{{{at.schema, at.path, false, "present", name}, here.within}};
    if (needs.is_array()) {
      for (const Json& need : needs) {
        if (need.is_string())
          present.push_back({{at.schema, at.path, false, "present", need.get<std::string>()}, here.within});
      }
    } else if (const auto child = document_.Child(at, keyword, name)) {
      present.push_back({*child, here.within});
    }
    state.choices.push_back({{{{at.schema, at.path, false, "absent", name}, here.within}}, std::move(present)});
  }
}

void SchemaCompiler::ExpandOneOf(const Pending& here, Expansion& state) {
  const auto [known, added] = one_of_.try_emplace(here.at.schema);
  if (added) {
    std::vector<SchemaSet> branches = OneOfBranches(here.at);
    one_of_[here.at.schema] = std::move(branches);
  }
  std::vector<Branch> choice;
  for (const SchemaSet& set : one_of_[here.at.schema]) {
    Branch& branch = choice.emplace_back();
    for (const SchemaAt& at : set) branch.push_back({at, here.within});
  }
  state.choices.push_back(std::move(choice));
}

// Each schema, with the contrary of those that may hold at the same time.
std::vector<SchemaSet> SchemaCompiler::OneOfBranches(const SchemaAt& at) {
  const size_t count = at.schema->at("oneOf").size();
  SchemaSet schemas;
  for (size_t i = 0; i < count; ++i) schemas.push_back(document_.Child(at, "oneOf", i).value_or(AnySchema()));
  std::vector<SchemaSet> plain, branches;
  for (const SchemaAt& schema : schemas) plain.push_back({schema});
  one_of_[at.schema] = plain;  // for a schema that comes back to itself
  std::vector<std::vector<size_t>> rivals(count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      if (Disjoint({schemas[i]}, {schemas[j]}, 0)) continue;
      rivals[i].push_back(j);
      rivals[j].push_back(i);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    SchemaSet& branch = branches.emplace_back(SchemaSet{schemas[i]});
    for (const size_t j : rivals[i]) {
      const std::optional<SchemaSet> apart = Apart(schemas[i], schemas[j], rivals[i].size() <= 2);
      if (!apart) {
        document_.Lose(at, "oneOf",
                       "the schemas " + std::to_string(i) + " and " + std::to_string(j) +
                           " may both hold for the same value: " + WhyNotNegated(schemas[j]));
        return plain;
      }
      branch.insert(branch.end(), apart->begin(), apart->end());
    }
  }
  return branches;
}

// What holds when `other` does not, beside `one`. Unless `whole`, or where there is no other way, only a part of it: a
// property that `other` requires, and of which `one` does not speak, is absent.
std::optional<SchemaSet> SchemaCompiler::Apart(const SchemaAt& one, const SchemaAt& other, bool whole) {
  SchemaAt negated = other;
  negated.negated = true;
  const bool can = WhyNotNegated(other).empty();
  if (can && whole) return SchemaSet{negated};
  if (other.schema->is_object() && other.schema->contains("required") && other.schema->at("required").is_array()) {
    for (const Json& name : other.schema->at("required")) {
      const bool spoken = one.schema->is_object() && (one.schema->dump().find(name.dump()) != std::string::npos);
      if (name.is_string() && !spoken)
        return SchemaSet{{other.schema, other.path, true, "required", name.get<std::string>()}};
    }
  }
  return can ? std::optional(SchemaSet{negated}) : std::nullopt;
}

}  // namespace puna::engine
