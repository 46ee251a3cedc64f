// What a set of schemas says together about one value, all references and choices resolved.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar/regex/dfa.h"
#include "engine/grammar/schema/schema_document.h"

namespace puna::engine {

using SchemaSet = std::vector<SchemaAt>;  // all of them hold; none: anything does

enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kNumber = kInteger | kFraction,
  kAnyType = 127
};

struct NumberBound {
  long double value;
  bool exclusive;
};

// A pattern, and who says it.
struct PatternRule {
  Regex regex;
  std::string keyword, path;
  bool negated = false;
};

// What one schema says of arrays.
struct ArrayRule {
  SchemaSet prefix;               // one schema for each place
  std::optional<SchemaAt> items;  // the places behind
};

// A number of items that satisfy a schema.
struct ContainsRule {
  SchemaAt schema;
  int min = 1, max = kUnbounded;
};

// What one schema says of objects.
struct ObjectRule {
  struct Pattern {
    Dfa names;
    SchemaAt schema;
  };
  std::vector<std::pair<std::string, SchemaAt>> properties;
  std::vector<Pattern> patterns;
  std::optional<SchemaAt> additional;
  bool lists = false;  // there is a list of properties, be it empty
};

// Values, told apart as JSON Schema does: 1 is 1.0, and members have no order.
class ValueSet {
 public:
  // False: it was there already.
  bool Add(const Json& value);
  bool Contains(const Json& value) const { return keys_.contains(KeyOf(value)); }
  const std::vector<Json>& values() const { return values_; }
  // Without those that are not in the other.
  void Keep(const ValueSet& other);

 private:
  static std::string KeyOf(const Json& value);

  std::vector<Json> values_;  // in the order in which they came
  std::unordered_set<std::string> keys_;
};

struct Shape {
  std::string path;  // of the first schema, for errors
  unsigned types = kAnyType;
  std::optional<ValueSet> values;  // enum and const
  ValueSet excluded;               // the contrary of them
  int min_length = 0, max_length = kUnbounded;
  std::vector<PatternRule> patterns;
  std::vector<PatternRule> formats;  // with `max_length` of their own at most
  int format_length = kUnbounded;    // no format allows more characters
  std::optional<NumberBound> lo, hi;
  std::optional<long double> multiple;  // of a whole number
  int fraction_digits = JsonNodes::kFractionDigits;
  bool exponents = true;
  std::vector<ArrayRule> arrays;
  std::vector<ContainsRule> contains;
  int min_items = 0, max_items = kUnbounded;
  bool unique = false;
  std::vector<ObjectRule> objects;
  std::vector<std::string> required, absent;
  std::vector<std::pair<std::string, SchemaAt>> members;  // more that is said of a property
  SchemaSet names;                                        // propertyNames
  int min_properties = 0, max_properties = kUnbounded;

  SchemaSet ItemSchemas(size_t index) const;
  size_t num_places() const;  // with schemas of their own
  // Of a property by this name, whether declared or not.
  SchemaSet PropertySchemas(const std::string& name) const;
  std::vector<std::string> DeclaredNames() const;  // in order; required ones that nobody declared last
  bool Requires(const std::string& name) const;
};

// What nothing and what everything satisfies.
SchemaAt NeverSchema();
SchemaAt AnySchema();

// The bit of a type's name; 0: there is no such type.
unsigned TypeByName(const std::string& name);
unsigned TypeOf(const Json& value);

// `schemas` are free of $ref and of choices, or those are not looked at. What cannot be enforced is lost. Throws
// GrammarMistake for a type that does not exist.
Shape ReadShape(const SchemaSet& schemas, const SchemaDocument& document);

}  // namespace puna::engine
