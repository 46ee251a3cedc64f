// SchemaCompiler: whether schemas exclude each other, and which values satisfy them.
#include <algorithm>
#include <cmath>

#include "engine/grammar/schema/schema_compiler.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

bool Below(const std::optional<NumberBound>& hi, const std::optional<NumberBound>& lo) {
  return hi && lo && (hi->value < lo->value || (hi->value == lo->value && (hi->exclusive || lo->exclusive)));
}

}  // namespace

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
  compilation_.Spend(20);
  const auto apart = [&](const Shape& x, const Shape& y) {
    const auto& values = x.values->values();
    return std::none_of(values.begin(), values.end(),
                        [&](const Json& v) { return SatisfiesShape(v, x, depth) && SatisfiesShape(v, y, depth); });
  };
  if (a.values) return apart(a, b);
  if (b.values) return apart(b, a);
  const unsigned shared = a.types & b.types;
  if (shared & (kNull | kBoolean)) return false;
  if ((shared & kNumber) && !Below(a.hi, b.lo) && !Below(b.hi, a.lo)) return false;
  if ((shared & kString) && !DisjointStrings(a, b)) return false;
  if ((shared & kArray) && a.max_items >= b.min_items && b.max_items >= a.min_items) {
    const int sure = std::min({std::max(a.min_items, b.min_items), 16});
    bool differ = false;
    for (int i = 0; i < sure && !differ; ++i) {
      const auto place = static_cast<size_t>(i);
      differ = Disjoint(a.ItemSchemas(place), b.ItemSchemas(place), depth + 1);
    }
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
  compilation_.Spend(2);
  if (depth > kMaxDepth) throw GrammarError("enum", s.path, "a value is nested too deeply");
  if (!(TypeOf(value) & s.types) || (s.values && !s.values->Contains(value)) || s.excluded.Contains(value))
    return false;
  if (value.is_number()) return SatisfiesNumber(value, s);
  if (value.is_string()) return SatisfiesString(value.get<std::string>(), s);
  if (value.is_array()) return SatisfiesArray(value, s, depth);
  return !value.is_object() || SatisfiesObject(value, s, depth);
}

bool SchemaCompiler::SatisfiesNumber(const Json& value, const Shape& s) {
  const long double x = value.is_number_unsigned()  ? static_cast<long double>(value.get<uint64_t>())
                        : value.is_number_integer() ? static_cast<long double>(value.get<int64_t>())
                                                    : value.get<double>();
  const NumberBound exact{x, false};
  if (Below(exact, s.lo) || Below(s.hi, exact)) return false;
  if (s.fraction_digits < JsonNodes::kFractionDigits) {
    const long double scaled = x * std::pow(10.0L, s.fraction_digits);
    if (std::fabs(scaled - std::round(scaled)) > 1e-6L) return false;
  }
  return !s.multiple || std::fmod(x, *s.multiple) == 0;
}

bool SchemaCompiler::SatisfiesString(const std::string& text, const Shape& s) {
  const int length = static_cast<int>(text::CodePoints(text).size());
  if (length < s.min_length || length > s.max_length) return false;
  return std::all_of(s.patterns.begin(), s.patterns.end(), [&](const PatternRule& rule) {
    const std::optional<Dfa> dfa = PatternDfa(rule);
    return !dfa || dfa->Matches(text);
  });
}

bool SchemaCompiler::SatisfiesArray(const Json& value, const Shape& s, int depth) {
  const int size = static_cast<int>(value.size());
  if (size < s.min_items || size > s.max_items) return false;
  ValueSet seen;
  for (size_t i = 0; i < value.size(); ++i) {
    if (!Satisfies(value[i], s.ItemSchemas(i), depth + 1) || (!seen.Add(value[i]) && s.unique)) return false;
  }
  return std::all_of(s.contains.begin(), s.contains.end(), [&](const ContainsRule& rule) {
    const auto count = std::count_if(value.begin(), value.end(),
                                     [&](const Json& item) { return Satisfies(item, {rule.schema}, depth + 1); });
    return count >= rule.min && count <= rule.max;
  });
}

bool SchemaCompiler::SatisfiesObject(const Json& value, const Shape& s, int depth) {
  const int size = static_cast<int>(value.size());
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
