#include "engine/grammar/schema/shape_reader.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/schema/formats.h"

namespace puna::engine {
namespace {

long double ToNumber(const Json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<uint64_t>());
  return value.is_number_integer() ? static_cast<long double>(value.get<int64_t>()) : value.get<double>();
}

}  // namespace

void ShapeReader::Read() {
  if (at_.keyword == "absent") return s_.absent.push_back(at_.member);
  if (at_.keyword == "present") return s_.required.push_back(at_.member);
  if (at_.keyword == "unevaluatedProperties" || at_.keyword == "unevaluatedItems") return ReadUnevaluated();
  if (at_.negated) return ReadNegated();
  ReadTypes();
  ReadStrings();
  ReadNumbers();
  ReadArrays();
  ReadObjects();
}

const Json* ShapeReader::Find(const char* keyword) const {
  if (at_.schema->is_boolean() || (!at_.keyword.empty() && at_.keyword != keyword)) return nullptr;
  const auto found = at_.schema->find(keyword);
  return found == at_.schema->end() ? nullptr : &*found;
}

bool ShapeReader::ReadFlag(const char* keyword) const {
  const Json* value = Find(keyword);
  if (value && !value->is_boolean()) Lose(keyword, "expected a boolean");
  return value && value->is_boolean() && value->get<bool>();
}

std::optional<int> ShapeReader::Count(const char* keyword) const {
  const Json* value = Find(keyword);
  if (!value) return std::nullopt;
  const std::optional<int> count = ReadCount(*value);
  if (!count) Lose(keyword, "expected a whole number of 0 or more");
  return count;
}

void ShapeReader::RaiseMin(const char* keyword, int& min) const { min = std::max(min, Count(keyword).value_or(min)); }
void ShapeReader::LowerMax(const char* keyword, int& max) const { max = std::min(max, Count(keyword).value_or(max)); }

std::optional<long double> ShapeReader::Number(const char* keyword) const {
  const Json* value = Find(keyword);
  if (value && value->is_number()) return ToNumber(*value);
  if (value) Lose(keyword, "expected a number");
  return std::nullopt;
}

std::optional<Regex> ShapeReader::Pattern(const std::string& text, RegexScope scope, const char* keyword) const {
  try {
    return ParseRegex(text, scope, PlaceOf(keyword));
  } catch (const CompilationLimit&) {
    throw;
  } catch (const GrammarError& e) {
    Lose(keyword, e.message());
    return std::nullopt;
  }
}

std::optional<unsigned> ShapeReader::Types() const {
  const Json* type = Find("type");
  if (!type) return std::nullopt;
  unsigned types = 0;
  for (const Json& name : type->is_array() ? *type : Json::array({*type})) {
    const unsigned bit = name.is_string() ? TypeByName(name.get<std::string>()) : 0;
    if (bit == 0)
      throw GrammarMistake("type", at_.path, "expected null, boolean, integer, number, string, array or object");
    types |= bit;
  }
  return types;
}

std::optional<ValueSet> ShapeReader::Values(const char* keyword) const {
  const Json* value = Find(keyword);
  if (!value) return std::nullopt;
  ValueSet set;
  if (keyword[0] == 'c') {
    set.Add(*value);
  } else if (value->is_array()) {
    for (const Json& one : *value) set.Add(one);
  } else {
    Lose(keyword, "expected an array");
    return std::nullopt;
  }
  document_.compilation().Spend(static_cast<int64_t>(set.values().size()) * 4);
  if (std::all_of(set.values().begin(), set.values().end(), [&](const Json& v) { return KeepsDigits(v); })) return set;
  Lose(keyword, "numbers from 2^63 on cannot be enforced to the digit");
  return std::nullopt;
}

// Whole numbers of more than 64 bits have been read as the nearest float, and may have lost digits (1e20 has not).
bool ShapeReader::KeepsDigits(const Json& value) const {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  constexpr int kExactDigits = 15;
  if (value.is_structured())
    return std::all_of(value.begin(), value.end(), [&](const Json& part) { return KeepsDigits(part); });
  if (!value.is_number_float() || std::abs(value.get<double>()) < kTwoTo63) return true;
  const std::string text = value.dump();
  const auto mantissa = text.substr(0, text.find('e'));
  return std::count_if(mantissa.begin(), mantissa.end(), [](char c) { return c >= '0' && c <= '9'; }) <= kExactDigits;
}

void ShapeReader::ReadTypes() {
  if (std::optional<unsigned> types = Types()) {
    if (ReadFlag("nullable")) *types |= kNull;  // OpenAPI 3.0's way to say so
    s_.types &= *types;
  }
  for (const char* keyword : {"const", "enum"}) {
    std::optional<ValueSet> values = Values(keyword);
    if (!values) continue;
    if (s_.values)
      s_.values->Keep(*values);
    else
      s_.values = std::move(values);
  }
}

void ShapeReader::ReadStrings() {
  RaiseMin("minLength", s_.min_length);
  LowerMax("maxLength", s_.max_length);
  if (const Json* pattern = Find("pattern")) {
    if (!pattern->is_string()) return Lose("pattern", "expected a string");
    std::optional<Regex> regex = Pattern(pattern->get<std::string>(), RegexScope::kSearch, "pattern");
    if (regex) s_.patterns.push_back({std::move(*regex), "pattern", at_.path});
  }
  const Json* format = Find("format");
  if (format && format->is_string())
    ReadFormat(format->get<std::string>());
  else if (format)
    Lose("format", "expected a string");
}

void ShapeReader::ReadFormat(const std::string& name) {
  const StringFormat* format = FindFormat(name);
  const bool of_strings = (Types().value_or(kAnyType) & kString) != 0;
  if (!of_strings || IsNumberFormat(name)) return;
  if (!format)
    return Lose("format", "'" + name.substr(0, 80) + "' is not one that can be enforced; use pattern instead");
  s_.formats.push_back({*Pattern(format->pattern, RegexScope::kWhole, "format"), "format", at_.path});
  s_.format_length = std::min(s_.format_length, format->max_length);
}

void ShapeReader::Limit(long double value, bool exclusive, bool lower) {
  std::optional<NumberBound>& bound = lower ? s_.lo : s_.hi;
  const bool nearer = bound && (lower ? value > bound->value : value < bound->value);
  if (!bound || nearer || (value == bound->value && exclusive)) bound = {value, exclusive};
}

// Up to draft 4, the exclusive keyword is a boolean beside the other.
void ShapeReader::ReadLimit(const char* keyword, const char* exclusive, bool lower) {
  const Json* value = Find(exclusive);
  const bool flag = value && value->is_boolean();
  if (const auto limit = Number(keyword)) Limit(*limit, flag && value->get<bool>(), lower);
  if (const auto limit = flag ? std::nullopt : Number(exclusive)) Limit(*limit, true, lower);
}

void ShapeReader::ReadNumbers() {
  ReadLimit("minimum", "exclusiveMinimum", true);
  ReadLimit("maximum", "exclusiveMaximum", false);
  if (Find("multipleOf")) ReadMultiple();
}

void ShapeReader::ReadMultiple() {
  const std::optional<long double> value = Number("multipleOf");
  if (!value) return;
  if (*value <= 0) return Lose("multipleOf", "expected a number above 0");
  if (*value == std::floor(*value) && *value <= 1'000'000) {
    if (s_.multiple && *s_.multiple != *value && *value != 1 && *s_.multiple != 1)
      return Lose("multipleOf", "two different ones cannot be enforced together");
    s_.multiple = std::max(*value, s_.multiple.value_or(1));
    s_.types &= ~static_cast<unsigned>(kFraction);
    s_.exponents = false;
    return;
  }
  for (int digits = 1; digits <= 6; ++digits) {
    if (std::fabs(*value * std::pow(10.0L, digits) - 1) > 1e-12L) continue;
    s_.fraction_digits = std::min(s_.fraction_digits, digits);
    s_.exponents = false;
    return;
  }
  Lose("multipleOf", "only whole numbers up to a million and 0.1, 0.01, ... 0.000001 can be enforced");
}

void ShapeReader::ReadPlaces(const char* keyword, ArrayRule& rule) const {
  for (size_t i = 0; i < Find(keyword)->size(); ++i)
    rule.prefix.push_back(document_.Child(at_, keyword, i).value_or(AnySchema()));
}

// prefixItems and items; items and additionalItems, as older drafts have it.
std::optional<ArrayRule> ShapeReader::ReadItems() const {
  ArrayRule rule;
  const Json *items = Find("items"), *prefix = Find("prefixItems");
  if (prefix && !prefix->is_array())
    Lose("prefixItems", "expected an array of schemas");
  else if (prefix)
    ReadPlaces("prefixItems", rule);
  const bool tuple = items && items->is_array();
  if (tuple && rule.prefix.empty())
    ReadPlaces("items", rule);
  else if (items)
    rule.items = document_.Child(at_, "items");
  if (tuple && Find("additionalItems")) rule.items = document_.Child(at_, "additionalItems");
  return rule.prefix.empty() && !rule.items ? std::nullopt : std::optional(std::move(rule));
}

void ShapeReader::ReadContains() {
  if (!Find("contains")) return;
  const std::optional<SchemaAt> schema = document_.Child(at_, "contains");
  if (schema)
    s_.contains.push_back({*schema, Count("minContains").value_or(1), Count("maxContains").value_or(kUnbounded)});
}

void ShapeReader::ReadArrays() {
  RaiseMin("minItems", s_.min_items);
  LowerMax("maxItems", s_.max_items);
  if (std::optional<ArrayRule> rule = ReadItems()) s_.arrays.push_back(std::move(*rule));
  ReadContains();
  s_.unique = ReadFlag("uniqueItems") || s_.unique;
}

void ShapeReader::ReadRequired() {
  const Json* required = Find("required");
  if (!required) return;
  const auto is_name = [](const Json& name) { return name.is_string(); };
  if (!required->is_array() || !std::all_of(required->begin(), required->end(), is_name))
    return Lose("required", "expected an array of names");
  for (const Json& name : *required) {
    if (!s_.Requires(name.get<std::string>())) s_.required.push_back(name.get<std::string>());
  }
}

std::vector<std::pair<std::string, SchemaAt>> ShapeReader::ReadMembers(const char* keyword) const {
  std::vector<std::pair<std::string, SchemaAt>> all;
  const Json* members = Find(keyword);
  if (!members) return all;
  if (!members->is_object()) {
    // PHP writes an empty object like an empty array.
    Lose(keyword, "expected an object of schemas");
    return all;
  }
  for (const auto& [key, schema] : members->items()) {
    if (const auto child = document_.Child(at_, keyword, key))
      all.emplace_back(key, *child);
    else
      all.emplace_back(key, AnySchema());
  }
  return all;
}

void ShapeReader::ReadObjects() {
  RaiseMin("minProperties", s_.min_properties);
  LowerMax("maxProperties", s_.max_properties);
  ReadRequired();
  if (Find("propertyNames")) {
    if (const auto names = document_.Child(at_, "propertyNames")) s_.names.push_back(*names);
  }
  ObjectRule rule;
  rule.properties = ReadMembers("properties");
  for (auto& [pattern, schema] : ReadMembers("patternProperties")) {
    try {
      const Place place = PlaceOf("patternProperties");
      rule.patterns.push_back({Dfa::FromRegex(ParseRegex(pattern, RegexScope::kSearch, place), place), schema});
    } catch (const CompilationLimit&) {
      throw;
    } catch (const GrammarError& e) {
      Lose("patternProperties", e.message());
    }
  }
  const Json* properties = Find("properties");
  rule.lists = properties && (properties->is_object() || (properties->is_array() && properties->empty()));
  if (Find("additionalProperties")) rule.additional = document_.Child(at_, "additionalProperties");
  if (rule.lists || !rule.patterns.empty() || rule.additional) s_.objects.push_back(std::move(rule));
}

// What no schema of the scope, which `member` names, speaks of.
void ShapeReader::ReadUnevaluated() {
  const bool items = at_.keyword == "unevaluatedItems";
  ObjectRule object;
  ArrayRule array;
  for (const Json* schema : document_.Scope(at_.member)) {
    const SchemaAt part{schema, at_.path};
    Shape spoken;
    ShapeReader(part, document_, spoken).Read();
    for (const ObjectRule& rule : spoken.objects) {
      if (rule.additional && !items) return;
      for (const auto& property : rule.properties) object.properties.emplace_back(property.first, AnySchema());
      for (const ObjectRule::Pattern& pattern : rule.patterns) object.patterns.push_back({pattern.names, AnySchema()});
    }
    for (const ArrayRule& rule : spoken.arrays) {
      if (rule.items && items) return;
      array.prefix.resize(std::max(array.prefix.size(), rule.prefix.size()), AnySchema());
    }
  }
  object.additional = array.items = document_.Child({at_.schema, at_.path}, at_.keyword);
  if (items)
    s_.arrays.push_back(std::move(array));
  else
    s_.objects.push_back(std::move(object));
}

}  // namespace puna::engine
