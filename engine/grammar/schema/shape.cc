#include "engine/grammar/schema/shape.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/automata/grammar_error.h"

namespace puna::engine {
namespace {

unsigned TypeByName(const SchemaAt& at, const Json& name) {
  static const std::pair<const char*, unsigned> kTypes[] = {
      {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber},
      {"string", kString}, {"array", kArray},     {"object", kObject}};
  for (const auto& [type, bit] : kTypes) {
    if (name.is_string() && name == Json(type)) return bit;
  }
  FailKeyword(at, "type", "expected null, boolean, integer, number, string, array or object");
}

// Reads one schema's keywords into the shape.
class ShapeReader {
 public:
  ShapeReader(const SchemaAt& at, const SchemaDocument& document, Shape& shape)
      : at_(at), document_(document), s_(shape) {}

  void Read() {
    ReadTypes();
    ReadStrings();
    ReadNumbers();
    ReadArrays();
    ReadObjects();
  }

 private:
  const Json* Find(const char* keyword) const {
    const auto found = at_.schema->find(keyword);
    return found == at_.schema->end() ? nullptr : &*found;
  }
  bool ReadFlag(const char* keyword) const {
    const Json* value = Find(keyword);
    if (value && !value->is_boolean()) FailKeyword(at_, keyword, "expected a boolean");
    return value && value->get<bool>();
  }
  void RaiseMin(const char* keyword, int& min) const {
    if (Find(keyword)) min = std::max(min, ReadCount(at_, keyword));
  }
  void LowerMax(const char* keyword, int& max) const {
    if (Find(keyword)) max = std::min(max, ReadCount(at_, keyword));
  }

  void ReadTypes() {
    if (const Json* type = Find("type")) {
      unsigned types = 0;
      if (type->is_array()) {
        for (const Json& name : *type) types |= TypeByName(at_, name);
      } else {
        types = TypeByName(at_, *type);
      }
      if (ReadFlag("nullable")) types |= kNull;  // OpenAPI 3.0's way to say so
      s_.types &= types;
    }
    if (const Json* value = Find("const")) {
      CheckDigits("const", *value);
      Keep({*value});
    }
    if (const Json* values = Find("enum")) {
      if (!values->is_array()) FailKeyword(at_, "enum", "expected an array");
      CheckDigits("enum", *values);
      Keep(values->get<std::vector<Json>>());
    }
  }

  // Whole numbers of more than 64 bits have been read as the nearest float, and may have lost digits (1e20 has not).
  void CheckDigits(const char* keyword, const Json& value) const {
    constexpr double kTwoTo63 = 9223372036854775808.0;
    constexpr int kExactDigits = 15;
    const std::string text = value.is_number_float() ? value.dump() : "";
    const auto mantissa = text.substr(0, text.find('e'));
    const auto digits = std::count_if(mantissa.begin(), mantissa.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits > kExactDigits && std::abs(value.get<double>()) >= kTwoTo63)
      FailKeyword(at_, keyword, "numbers from 2^63 on cannot be enforced to the digit");
    for (const Json& part : value.is_structured() ? value : Json::array()) CheckDigits(keyword, part);
  }

  void Keep(std::vector<Json> values) {
    if (s_.values)
      std::erase_if(values, [&](const Json& v) {
        return std::find(s_.values->begin(), s_.values->end(), v) == s_.values->end();
      });
    s_.values = std::move(values);
  }

  void ReadStrings() {
    RaiseMin("minLength", s_.min_length);
    LowerMax("maxLength", s_.max_length);
    if (const Json* pattern = Find("pattern")) {
      if (!pattern->is_string()) FailKeyword(at_, "pattern", "expected a string");
      s_.patterns.push_back(ParseRegex(pattern->get<std::string>(), RegexScope::kSearch, "pattern", at_.path));
    }
    if (const Json* format = Find("format")) {
      const std::string name = format->is_string() ? format->get<std::string>() : "";
      static const char* const kOfNumbers[] = {"int32", "int64", "float", "double"};
      if (std::find(std::begin(kOfNumbers), std::end(kOfNumbers), name) != std::end(kOfNumbers)) return;
      const char* regex = FormatPattern(name);
      if (!regex) FailKeyword(at_, "format", "'" + name.substr(0, 80) + "' cannot be enforced; use pattern instead");
      s_.patterns.push_back(ParseRegex(regex, RegexScope::kWhole, "format", at_.path));
    }
  }

  long double ReadNumber(const char* keyword) const {
    const Json& value = (*at_.schema)[keyword];
    if (!value.is_number()) FailKeyword(at_, keyword, "expected a number");
    if (value.is_number_unsigned()) return static_cast<long double>(value.get<uint64_t>());
    return value.is_number_integer() ? static_cast<long double>(value.get<int64_t>()) : value.get<double>();
  }

  void Raise(const char* keyword, bool exclusive) {
    const NumberBound bound{ReadNumber(keyword), exclusive};
    if (!s_.lo || bound.value > s_.lo->value || (bound.value == s_.lo->value && exclusive)) s_.lo = bound;
  }
  void Lower(const char* keyword, bool exclusive) {
    const NumberBound bound{ReadNumber(keyword), exclusive};
    if (!s_.hi || bound.value < s_.hi->value || (bound.value == s_.hi->value && exclusive)) s_.hi = bound;
  }

  void ReadNumbers() {
    if (Find("minimum")) Raise("minimum", false);
    if (Find("maximum")) Lower("maximum", false);
    if (Find("exclusiveMinimum")) Raise("exclusiveMinimum", true);
    if (Find("exclusiveMaximum")) Lower("exclusiveMaximum", true);
    if (Find("multipleOf")) ReadMultiple(ReadNumber("multipleOf"));
  }

  void ReadMultiple(long double value) {
    if (value <= 0) FailKeyword(at_, "multipleOf", "expected a number above 0");
    s_.exponents = false;
    if (value == std::floor(value) && value <= 1'000'000) {
      if (s_.multiple && *s_.multiple != value && value != 1 && *s_.multiple != 1)
        FailKeyword(at_, "multipleOf", "two different ones cannot be enforced together");
      s_.multiple = std::max(value, s_.multiple.value_or(1));
      s_.types &= ~static_cast<unsigned>(kFraction);
      return;
    }
    for (int digits = 1; digits <= 6; ++digits) {
      if (std::fabs(value * std::pow(10.0L, digits) - 1) > 1e-12L) continue;
      s_.fraction_digits = std::min(s_.fraction_digits, digits);
      return;
    }
    FailKeyword(at_, "multipleOf", "only whole numbers up to a million and 0.1, 0.01, ... 0.000001 can be enforced");
  }

  void ReadArrays() {
    RaiseMin("minItems", s_.min_items);
    LowerMax("maxItems", s_.max_items);
    ArrayRule rule;
    if (const Json* prefix = Find("prefixItems")) {
      if (!prefix->is_array()) FailKeyword(at_, "prefixItems", "expected an array of schemas");
      for (size_t i = 0; i < prefix->size(); ++i) rule.prefix.push_back(document_.Child(at_, "prefixItems", i));
    }
    if (Find("items")) rule.items = document_.Child(at_, "items");
    if (!rule.prefix.empty() || rule.items) s_.arrays.push_back(std::move(rule));
    if (ReadFlag("uniqueItems")) unique_ = true;
    if (unique_ && (s_.types & kArray) && s_.max_items > 1)
      FailKeyword(at_, "uniqueItems", "this keyword cannot be enforced for more than one item; leave it out");
  }

  void ReadObjects() {
    RaiseMin("minProperties", s_.min_properties);
    LowerMax("maxProperties", s_.max_properties);
    if (const Json* required = Find("required")) {
      if (!required->is_array()) FailKeyword(at_, "required", "expected an array of names");
      for (const Json& name : *required) {
        if (!name.is_string()) FailKeyword(at_, "required", "expected an array of names");
        if (!s_.Requires(name.get<std::string>())) s_.required.push_back(name.get<std::string>());
      }
    }
    if (Find("propertyNames")) s_.names.push_back(document_.Child(at_, "propertyNames"));
    ObjectRule rule;
    for (const char* keyword : {"properties", "patternProperties"}) {
      const Json* members = Find(keyword);
      if (!members) continue;
      if (!members->is_object()) FailKeyword(at_, keyword, "expected an object of schemas");
      for (const auto& [key, schema] : members->items()) {
        const SchemaAt child = document_.Child(at_, keyword, key);
        if (keyword[1] == 'r')
          rule.properties.emplace_back(key, child);
        else
          rule.patterns.push_back({PatternDfa(key), child});
      }
    }
    rule.lists = Find("properties") != nullptr;
    if (Find("additionalProperties")) rule.additional = document_.Child(at_, "additionalProperties");
    if (rule.lists || !rule.patterns.empty() || rule.additional) s_.objects.push_back(std::move(rule));
  }

  Dfa PatternDfa(const std::string& pattern) const {
    return Dfa::FromRegex(ParseRegex(pattern, RegexScope::kSearch, "patternProperties", at_.path), "patternProperties",
                          at_.path);
  }

  const SchemaAt& at_;
  const SchemaDocument& document_;
  Shape& s_;
  bool unique_ = false;
};

}  // namespace

Shape ReadShape(const SchemaSet& schemas, const SchemaDocument& document) {
  Shape shape;
  shape.path = schemas.empty() ? "#" : schemas[0].path;
  for (const SchemaAt& at : schemas) ShapeReader(at, document, shape).Read();
  return shape;
}

SchemaSet Shape::ItemSchemas(size_t index) const {
  SchemaSet all;
  for (const ArrayRule& rule : arrays) {
    if (index < rule.prefix.size())
      all.push_back(rule.prefix[index]);
    else if (rule.items)
      all.push_back(*rule.items);
  }
  return all;
}

SchemaSet Shape::PropertySchemas(const std::string& name) const {
  SchemaSet all;
  for (const ObjectRule& rule : objects) {
    bool known = false;
    for (const auto& [property, schema] : rule.properties) {
      if (property != name) continue;
      all.push_back(schema);
      known = true;
    }
    for (const ObjectRule::Pattern& pattern : rule.patterns) {
      if (!pattern.names.Matches(name)) continue;
      all.push_back(pattern.schema);
      known = true;
    }
    if (!known && rule.additional) all.push_back(*rule.additional);
  }
  return all;
}

std::vector<std::string> Shape::DeclaredNames() const {
  std::vector<std::string> declared;
  std::unordered_set<std::string> seen;
  const auto add = [&](const std::string& name) {
    if (seen.insert(name).second) declared.push_back(name);
  };
  for (const ObjectRule& rule : objects) {
    for (const auto& property : rule.properties) add(property.first);
  }
  for (const std::string& name : required) add(name);
  return declared;
}

bool Shape::Requires(const std::string& name) const {
  return std::find(required.begin(), required.end(), name) != required.end();
}

const char* FormatPattern(const std::string& format) {
#define PUNA_DATE                                                                                                  \
  "(?:[12]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|" \
  "1\\d|2[0-8]))"                                                                                                  \
  "|(?:[12]\\d(?:0[48]|[2468][048]|[13579][26])|(?:1[26]|2[048])00)-02-29)"
#define PUNA_TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define PUNA_LABEL "[a-zA-Z0-9]{1,20}(?:-[a-zA-Z0-9]{1,20})?"
#define PUNA_BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define PUNA_SEGMENT "(?:/[A-Za-z0-9._~-]{1,40}){0,8}/?"
#define PUNA_REST PUNA_SEGMENT "(?:\\?[A-Za-z0-9._~&=-]{1,80})?(?:#[A-Za-z0-9._~-]{1,40})?"
  static const std::pair<const char*, const char*> kFormats[] = {
      {"date", PUNA_DATE},
      {"time", PUNA_TIME},
      {"date-time", PUNA_DATE "T" PUNA_TIME},
      {"duration",
       "P(?:\\d{1,4}W|\\d{1,4}Y(?:\\d{1,4}M(?:\\d{1,4}D)?)?|\\d{1,4}M(?:\\d{1,4}D)?|\\d{1,4}D"
       "|(?:\\d{1,4}D)?T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))"},
      {"email", "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" PUNA_LABEL "(?:\\." PUNA_LABEL
                "){0,2}\\.[a-zA-Z]{2,10}"},
      {"hostname", PUNA_LABEL "(?:\\." PUNA_LABEL "){0,4}"},
      {"ipv4", PUNA_BYTE "(?:\\." PUNA_BYTE "){3}"},
      {"ipv6",
       "(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?"
       "|(?:[0-9a-fA-F]{1,4}:){0,2}[0-9a-fA-F]{1,4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?"},
      {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
      {"uri", "(?:https?|ftp)://" PUNA_LABEL "(?:\\." PUNA_LABEL "){0,3}(?::[1-9]\\d{0,3})?" PUNA_REST},
      {"uri-reference", "(?:https?://" PUNA_LABEL "(?:\\." PUNA_LABEL "){0,3})?" PUNA_REST},
      {"json-pointer", "(?:/(?:[A-Za-z0-9_.-]|~[01]){0,40}){0,8}"},
  };
  for (const auto& [name, pattern] : kFormats) {
    if (format == name) return pattern;
  }
  return nullptr;
}

}  // namespace puna::engine
