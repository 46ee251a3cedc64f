#include "engine/grammar/schema/shape.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/schema/shape_reader.h"

namespace puna::engine {
namespace {

// One text for each value.
void AppendKey(const Json& value, std::string& out) {
  if (value.is_object()) {
    std::vector<std::pair<std::string, const Json*>> members;
    for (const auto& [name, member] : value.items()) members.emplace_back(name, &member);
    std::sort(members.begin(), members.end());
    out += '{';
    for (const auto& [name, member] : members) {
      out += std::to_string(name.size()) + ":" + name;
      AppendKey(*member, out);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const Json& item : value) AppendKey(item, out);
    out += ']';
  } else if (value.is_number_float() && std::fabs(value.get<double>()) < 1e15 &&
             value.get<double>() == std::floor(value.get<double>())) {
    out += std::to_string(static_cast<int64_t>(value.get<double>())) + ",";
  } else {
    out += value.dump() + ",";
  }
}

}  // namespace

std::string ValueSet::KeyOf(const Json& value) {
  std::string key;
  AppendKey(value, key);
  return key;
}

bool ValueSet::Add(const Json& value) {
  const bool added = keys_.insert(KeyOf(value)).second;
  if (added) values_.push_back(value);
  return added;
}

void ValueSet::Keep(const ValueSet& other) {
  std::erase_if(values_, [&](const Json& value) { return !other.Contains(value); });
  std::erase_if(keys_, [&](const std::string& key) { return !other.keys_.contains(key); });
}

SchemaAt NeverSchema() {
  static const Json never(false);
  return {&never, "#"};
}

SchemaAt AnySchema() {
  static const Json any(true);
  return {&any, "#"};
}

unsigned TypeByName(const std::string& name) {
  static constexpr std::pair<const char*, unsigned> kTypes[] = {
      {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber},
      {"string", kString}, {"array", kArray},     {"object", kObject}};
  for (const auto& [type, bit] : kTypes) {
    if (name == type) return bit;
  }
  return 0;
}

unsigned TypeOf(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_number_float()) return value.get<double>() == std::floor(value.get<double>()) ? kInteger : kFraction;
  if (value.is_number()) return kInteger;
  if (value.is_string()) return kString;
  return value.is_array() ? kArray : kObject;
}

Shape ReadShape(const SchemaSet& schemas, const SchemaDocument& document) {
  Shape shape;
  shape.path = schemas.empty() ? "#" : schemas[0].path;
  for (const SchemaAt& at : schemas) ShapeReader(at, document, shape).Read();
  return shape;
}

size_t Shape::num_places() const {
  size_t places = 0;
  for (const ArrayRule& rule : arrays) places = std::max(places, rule.prefix.size());
  return places;
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
  for (const auto& [property, schema] : members) {
    if (property == name) all.push_back(schema);
  }
  if (std::find(absent.begin(), absent.end(), name) != absent.end()) all.push_back(NeverSchema());
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
  for (const std::string& name : absent) add(name);
  return declared;
}

bool Shape::Requires(const std::string& name) const {
  return std::find(required.begin(), required.end(), name) != required.end();
}

}  // namespace puna::engine
