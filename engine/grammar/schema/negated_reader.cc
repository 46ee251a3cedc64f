// ShapeReader: the contrary of one keyword. Only such keywords come here as `WhyNotNegated` lets through.
#include <algorithm>

#include "engine/grammar/schema/shape_reader.h"

namespace puna::engine {

void ShapeReader::ReadNegated() {
  const std::string& keyword = at_.keyword;
  const auto only = [&](unsigned types) { s_.types &= types; };
  if (keyword == "type") return only(~*Types());
  if (keyword == "const" || keyword == "enum") {
    const std::optional<ValueSet> values = Values(keyword.c_str());
    for (const Json& value : values->values()) {
      if (value.is_array())
        s_.min_items = std::max(s_.min_items, 1);  // structured ones are empty
      else if (value.is_object())
        s_.min_properties = std::max(s_.min_properties, 1);
      else
        s_.excluded.Add(value);
    }
    return;
  }
  if (keyword == "required") return only(kObject), s_.absent.push_back(at_.member);
  if (keyword == "properties") {
    only(kObject);
    SchemaAt value = *document_.Child({at_.schema, at_.path}, keyword, at_.member);
    value.negated = true;
    s_.required.push_back(at_.member);
    s_.members.emplace_back(at_.member, std::move(value));
    return;
  }
  if (keyword == "pattern") {
    only(kString);
    const std::string text = at_.schema->at(keyword).get<std::string>();
    s_.patterns.push_back({*Pattern(text, RegexScope::kSearch, "pattern"), "pattern", at_.path, /*negated=*/true});
    return;
  }
  if (keyword == "contains") return only(kArray), ReadNegatedItems();
  if (keyword == "prefixItems" || keyword == "items") return only(kArray), ReadNegatedPlace();
  ReadNegatedBound();
}

void ShapeReader::ReadNegatedBound() {
  const std::string& keyword = at_.keyword;
  if (keyword.find("inimum") != keyword.npos || keyword.find("aximum") != keyword.npos) {
    s_.types &= kNumber;
    const bool was_lower = keyword.find("inimum") != keyword.npos;
    return Limit(*Number(keyword.c_str()), !keyword.starts_with("exclusive"), !was_lower);
  }
  struct Bound {
    const char *min, *max;
    unsigned type;
    int &lowest, &highest;
  };
  const Bound bounds[] = {{"minLength", "maxLength", kString, s_.min_length, s_.max_length},
                          {"minItems", "maxItems", kArray, s_.min_items, s_.max_items},
                          {"minProperties", "maxProperties", kObject, s_.min_properties, s_.max_properties}};
  for (const Bound& bound : bounds) {
    if (keyword != bound.min && keyword != bound.max) continue;
    const int count = *Count(keyword.c_str());
    s_.types &= bound.type;
    if (keyword == bound.max)
      bound.lowest = std::max(bound.lowest, count == kUnbounded ? count : count + 1);
    else if (count == 0)
      s_.types = 0;  // no value has less
    else
      bound.highest = std::min(bound.highest, count - 1);
  }
}

// No item does what one should.
void ShapeReader::ReadNegatedItems() {
  SchemaAt item = *document_.Child({at_.schema, at_.path}, "contains");
  item.negated = true;
  s_.arrays.push_back({{}, std::move(item)});
}

// The item at this place is there, and is not what it should be.
void ShapeReader::ReadNegatedPlace() {
  const size_t place = std::stoul(at_.member);
  SchemaAt item = *document_.Child({at_.schema, at_.path}, at_.keyword, place);
  item.negated = true;
  ArrayRule rule;
  rule.prefix.resize(place, AnySchema());
  rule.prefix.push_back(std::move(item));
  s_.min_items = std::max(s_.min_items, static_cast<int>(place) + 1);
  s_.arrays.push_back(std::move(rule));
}

}  // namespace puna::engine
