// SchemaCompiler: references and choices resolved; whether schemas exclude each other.
#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/schema/schema_compiler.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

// Whether a schema says anything by itself, apart from what it refers to.
bool HasOwnRules(const Json& schema) {
  static const char* const kRules[] = {"type",
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
                                       "properties",
                                       "patternProperties",
                                       "additionalProperties",
                                       "required",
                                       "propertyNames",
                                       "minProperties",
                                       "maxProperties"};
  return std::any_of(std::begin(kRules), std::end(kRules), [&](const char* k) { return schema.contains(k); });
}

bool Holds(const SchemaSet& set, const Json* schema) {
  return std::any_of(set.begin(), set.end(), [&](const SchemaAt& at) { return at.schema == schema; });
}

unsigned TypeOf(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_number_float())
    return value.get<double>() == static_cast<double>(static_cast<int64_t>(value.get<double>())) ? kInteger : kFraction;
  if (value.is_number()) return kInteger;
  if (value.is_string()) return kString;
  return value.is_array() ? kArray : kObject;
}

bool Below(const std::optional<NumberBound>& hi, const std::optional<NumberBound>& lo) {
  return hi && lo && (hi->value < lo->value || (hi->value == lo->value && (hi->exclusive || lo->exclusive)));
}

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
      throw GrammarError("anyOf", state.done.empty() ? "#" : state.done[0].path,
                         "the choices multiply to more than " + std::to_string(kMaxBranches));
    out.push_back(std::move(state.done));
    return;
  }
  const std::vector<Pending> branches = std::move(state.choices.back());
  state.choices.pop_back();
  for (const Pending& branch : branches) {
    Expansion with = state;
    with.todo.push_back(branch);
    ExpandInto(std::move(with), out);
  }
}

// False: nothing satisfies the schema here.
bool SchemaCompiler::ExpandOne(const Pending& pending, Expansion& state) {
  const SchemaAt& at = pending.at;
  const Json& schema = *at.schema;
  if (++work_ > 200'000) throw GrammarError("schema", at.path, "it is too complex");
  if (schema.is_boolean()) return schema.get<bool>();
  document_.CheckKeywords(at);
  // A schema that is its own condition is met by no finite value.
  if (std::find(pending.within.begin(), pending.within.end(), at.schema) != pending.within.end()) return false;
  std::vector<const Json*> within = pending.within;
  within.push_back(at.schema);
  if (within.size() > 100) throw GrammarError("$ref", at.path, "references are nested too deeply");
  if (schema.contains("$ref")) state.todo.push_back({document_.Resolve(at), within});
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    if (!schema.contains(keyword)) continue;
    const Json& list = schema[keyword];
    if (!list.is_array() || list.empty()) FailKeyword(at, keyword, "expected schemas in an array");
    std::vector<Pending> branches;
    for (size_t i = 0; i < list.size(); ++i) branches.push_back({document_.Child(at, keyword, i), within});
    if (keyword[0] == 'o') CheckExclusive(at);
    if (keyword[1] == 'l')
      state.todo.insert(state.todo.end(), branches.begin(), branches.end());
    else
      state.choices.push_back(std::move(branches));
  }
  if (HasOwnRules(schema) && !Holds(state.done, at.schema)) state.done.push_back(at);
  return true;
}

// oneOf is anyOf where no value satisfies two branches; anything else is refused.
void SchemaCompiler::CheckExclusive(const SchemaAt& at) {
  if (!exclusive_.insert(at.schema).second) return;
  const size_t count = (*at.schema)["oneOf"].size();
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      if (Disjoint({document_.Child(at, "oneOf", i)}, {document_.Child(at, "oneOf", j)}, 0)) continue;
      FailKeyword(at, "oneOf",
                  "the schemas " + std::to_string(i) + " and " + std::to_string(j) +
                      " may both hold for the same value, or that cannot be told; use anyOf, or tell them apart by a "
                      "required property with const");
    }
  }
}

bool SchemaCompiler::Disjoint(const SchemaSet& a, const SchemaSet& b, int depth) {
  if (depth > 6) return false;
  const std::vector<SchemaSet> first = Expand(a), second = Expand(b);
  for (const SchemaSet& x : first) {
    for (const SchemaSet& y : second) {
      if (!DisjointShapes(ReadShape(x, document_), ReadShape(y, document_), depth)) return false;
    }
  }
  return true;
}

bool SchemaCompiler::DisjointShapes(const Shape& a, const Shape& b, int depth) {
  const auto apart = [&](const Shape& x, const Shape& y) {
    return x.values && std::none_of(x.values->begin(), x.values->end(), [&](const Json& v) {
             return SatisfiesShape(v, x, depth) && SatisfiesShape(v, y, depth);
           });
  };
  if (a.values || b.values) return apart(a, b) || apart(b, a);
  const unsigned shared = a.types & b.types;
  if (shared & (kNull | kBoolean)) return false;
  if ((shared & kNumber) && !Below(a.hi, b.lo) && !Below(b.hi, a.lo)) return false;
  if ((shared & kString) && !DisjointStrings(a, b)) return false;
  if ((shared & kArray) && a.max_items >= b.min_items && b.max_items >= a.min_items) {
    const int sure = std::min({a.min_items, b.min_items, 16});
    bool differ = false;
    for (int i = 0; i < sure && !differ; ++i)
      differ = Disjoint(a.ItemSchemas(static_cast<size_t>(i)), b.ItemSchemas(static_cast<size_t>(i)), depth + 1);
    if (!differ) return false;
  }
  return !(shared & kObject) || DisjointObjects(a, b, depth);
}

bool SchemaCompiler::DisjointStrings(const Shape& a, const Shape& b) {
  if (a.max_length < b.min_length || b.max_length < a.min_length) return true;
  if (a.patterns.empty() && b.patterns.empty()) return false;
  Shape both = a;
  both.patterns.insert(both.patterns.end(), b.patterns.begin(), b.patterns.end());
  both.min_length = std::max(a.min_length, b.min_length);
  both.max_length = std::min(a.max_length, b.max_length);
  return StringDfa(both).empty();
}

bool SchemaCompiler::DisjointObjects(const Shape& a, const Shape& b, int depth) {
  if (a.max_properties < b.min_properties || b.max_properties < a.min_properties) return true;
  const auto apart = [&](const Shape& x, const Shape& y) {
    return std::any_of(x.required.begin(), x.required.end(), [&](const std::string& name) {
      const SchemaSet other = y.PropertySchemas(name);
      if (y.Requires(name)) return Disjoint(x.PropertySchemas(name), other, depth + 1);
      return Expand(other).empty();  // x demands what y forbids
    });
  };
  return apart(a, b) || apart(b, a);
}

bool SchemaCompiler::Satisfies(const Json& value, const SchemaSet& schemas, int depth) {
  const std::vector<SchemaSet> sets = Expand(schemas);
  return std::any_of(sets.begin(), sets.end(),
                     [&](const SchemaSet& set) { return SatisfiesShape(value, ReadShape(set, document_), depth); });
}

bool SchemaCompiler::SatisfiesShape(const Json& value, const Shape& s, int depth) {
  if (depth > kMaxDepth) throw GrammarError("enum", s.path, "a value is nested too deeply");
  if (!(TypeOf(value) & s.types)) return false;
  if (s.values && std::find(s.values->begin(), s.values->end(), value) == s.values->end()) return false;
  if (value.is_number()) {
    const long double x = value.is_number_unsigned()  ? static_cast<long double>(value.get<uint64_t>())
                          : value.is_number_integer() ? static_cast<long double>(value.get<int64_t>())
                                                      : value.get<double>();
    const NumberBound exact{x, false};
    if (Below(exact, s.lo) || Below(s.hi, exact)) return false;
    if (s.fraction_digits < JsonNodes::kFractionDigits && TypeOf(value) == kFraction)
      throw GrammarError("multipleOf", s.path, "it cannot be checked for the fractions in enum");
    return !s.multiple || x == *s.multiple * static_cast<long double>(static_cast<int64_t>(x / *s.multiple));
  }
  if (value.is_string()) {
    const int length = static_cast<int>(text::CodePoints(value.get<std::string>()).size());
    if (length < s.min_length || length > s.max_length) return false;
    return std::all_of(s.patterns.begin(), s.patterns.end(), [&](const Regex& pattern) {
      return Dfa::FromRegex(pattern, "pattern", s.path).Matches(value.get<std::string>());
    });
  }
  const int size = value.is_structured() ? static_cast<int>(value.size()) : 0;
  if (value.is_array()) {
    if (size < s.min_items || size > s.max_items) return false;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!Satisfies(value[i], s.ItemSchemas(i), depth + 1)) return false;
    }
  }
  if (!value.is_object()) return true;
  if (size < s.min_properties || size > s.max_properties) return false;
  if (!std::all_of(s.required.begin(), s.required.end(), [&](const std::string& name) { return value.contains(name); }))
    return false;
  for (const auto& [key, member] : value.items()) {
    if (!Satisfies(member, s.PropertySchemas(key), depth + 1) || !Satisfies(Json(key), s.names, depth + 1))
      return false;
  }
  return true;
}

}  // namespace puna::engine
