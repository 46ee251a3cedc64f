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

// What one schema says of arrays.
struct ArrayRule {
  SchemaSet prefix;               // one schema for each place
  std::optional<SchemaAt> items;  // the places behind
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

struct Shape {
  std::string path;  // of the first schema, for errors
  unsigned types = kAnyType;
  std::optional<std::vector<Json>> values;  // enum and const
  int min_length = 0, max_length = kUnbounded;
  std::vector<Regex> patterns;
  std::optional<NumberBound> lo, hi;
  std::optional<long double> multiple;  // of a whole number
  int fraction_digits = JsonNodes::kFractionDigits;
  bool exponents = true;
  std::vector<ArrayRule> arrays;
  int min_items = 0, max_items = kUnbounded;
  std::vector<ObjectRule> objects;
  std::vector<std::string> required;
  SchemaSet names;  // propertyNames
  int min_properties = 0, max_properties = kUnbounded;

  SchemaSet ItemSchemas(size_t index) const;
  // Of a property by this name, whether declared or not.
  SchemaSet PropertySchemas(const std::string& name) const;
  std::vector<std::string> DeclaredNames() const;  // in order; required ones that nobody declared last
  bool Requires(const std::string& name) const;
};

// `schemas` are free of $ref and of choices, or those are not looked at. Throws GrammarError.
Shape ReadShape(const SchemaSet& schemas, const SchemaDocument& document);

// The regular expression (anchored) of a format; null: not one that can be enforced.
const char* FormatPattern(const std::string& format);

}  // namespace puna::engine
