// SchemaCompiler: the contrary of schemas, by de Morgan's laws down to single keywords.
#include <algorithm>

#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {
namespace {

// Keywords whose contrary ShapeReader reads.
constexpr std::string_view kSimple[] = {"type",     "minLength",        "maxLength",        "minimum",
                                        "maximum",  "exclusiveMinimum", "exclusiveMaximum", "minItems",
                                        "maxItems", "minProperties",    "maxProperties"};
constexpr std::string_view kOthers[] = {"additionalProperties",
                                        "patternProperties",
                                        "propertyNames",
                                        "uniqueItems",
                                        "multipleOf",
                                        "oneOf",
                                        "dependencies",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "unevaluatedItems",
                                        "unevaluatedProperties",
                                        "$dynamicRef",
                                        "$recursiveRef"};

template <size_t N>
bool IsOneOf(const std::string& word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool SaysNothing(const Json& value) { return value == Json(true) || (value.is_object() && value.empty()); }

bool IsSimpleValue(const Json& value) { return !value.is_structured() || value.empty(); }

SchemaAt Contrary(SchemaAt at) {
  at.negated = !at.negated;
  return at;
}

}  // namespace

std::string SchemaCompiler::WhyNotNegated(const SchemaAt& at, std::vector<const Json*> within) {
  compilation_.Spend(2);
  if (at.schema->is_boolean()) return "";
  if (std::find(within.begin(), within.end(), at.schema) != within.end() || within.size() > 30)
    return "the contrary of what refers to itself cannot be enforced";
  within.push_back(at.schema);
  for (const auto& [keyword, value] : at.schema->items()) {
    if (document_.ref_stands_alone() && at.schema->contains("$ref") && keyword != "$ref") continue;
    const std::string why = WhyNotNegatedKeyword(at, keyword, within);
    if (!why.empty()) return why;
  }
  return "";
}

std::string SchemaCompiler::WhyNotNegatedKeyword(const SchemaAt& at, const std::string& keyword,
                                                 const std::vector<const Json*>& within) {
  const Json& value = at.schema->at(keyword);
  const std::string why = "the contrary of " + keyword + " at " + at.path + " cannot be enforced";
  const auto of_child = [&](std::optional<SchemaAt> child) { return child ? WhyNotNegated(*child, within) : why; };
  const auto of_children = [&](bool list) {
    if (list ? !value.is_array() : !value.is_object()) return why;
    size_t i = 0;
    for (const auto& [name, child] : value.items()) {
      const std::string reason = of_child(list ? document_.Child(at, keyword, i) : document_.Child(at, keyword, name));
      if (!reason.empty()) return reason;
      ++i;
    }
    return std::string();
  };
  if (keyword == "allOf" || keyword == "anyOf" || keyword == "prefixItems") return of_children(true);
  if (keyword == "properties") return of_children(false);
  if (keyword == "not") return document_.Child(at, keyword) ? "" : why;
  if (keyword == "if") {
    if (!at.schema->contains("then") && !at.schema->contains("else")) return "";
    for (const char* part : {"if", "then", "else"}) {
      const std::string reason = at.schema->contains(part) ? of_child(document_.Child(at, part)) : "";
      if (!reason.empty()) return reason;
    }
    return "";
  }
  if (keyword == "$ref") {
    const std::optional<SchemaAt> target = document_.Resolve(at, keyword);
    return target ? WhyNotNegated(*target, within) : why;
  }
  if (keyword == "required") {
    const auto is_name = [](const Json& name) { return name.is_string(); };
    return value.is_array() && std::all_of(value.begin(), value.end(), is_name) ? "" : why;
  }
  if (keyword == "const") return IsSimpleValue(value) ? "" : why;
  if (keyword == "enum") return value.is_array() && std::all_of(value.begin(), value.end(), IsSimpleValue) ? "" : why;
  if (keyword == "contains")
    return at.schema->contains("minContains") || at.schema->contains("maxContains")
               ? why
               : of_child(document_.Child(at, keyword));
  if (keyword == "items") return value.is_array() ? of_children(true) : SaysNothing(value) ? "" : why;
  if (keyword == "pattern") {
    if (!value.is_string()) return why;
    try {
      ParseRegex(value.get<std::string>(), RegexScope::kSearch, PlaceOf("pattern", at.path));
    } catch (const GrammarError&) {
      return why;
    }
    return "";
  }
  if (keyword == "type") return value.is_array() || value.is_string() ? "" : why;
  if (IsOneOf(keyword, kSimple))
    return value.is_number() && (keyword.find("imum") != keyword.npos || ReadCount(value)) ? "" : why;
  const bool silent = keyword == "uniqueItems" ? value == Json(false) : SaysNothing(value);
  return IsOneOf(keyword, kOthers) && !silent ? why : "";
}

std::vector<SchemaCompiler::Branch> SchemaCompiler::NegatedBranches(const Pending& here) {
  std::vector<Branch> all;
  const bool alone = document_.ref_stands_alone() && here.at.schema->contains("$ref");
  for (const auto& [keyword, value] : here.at.schema->items()) {
    if (alone && keyword != "$ref") continue;
    for (Branch& branch : NegatedKeyword(here, keyword)) all.push_back(std::move(branch));
  }
  return all;
}

// The branches of which one must hold for this keyword not to hold; none: it always does.
std::vector<SchemaCompiler::Branch> SchemaCompiler::NegatedKeyword(const Pending& here, const std::string& keyword) {
  const SchemaAt& at = here.at;
  const SchemaAt plain{at.schema, at.path};
  const Json& value = at.schema->at(keyword);
  std::vector<Branch> all;
  const auto add = [&](SchemaAt one) { all.push_back({{std::move(one), here.within}}); };
  const auto leaf = [&](std::string member) { add({at.schema, at.path, true, keyword, std::move(member)}); };
  const auto child = [&](const char* word) { return *document_.Child(plain, word); };
  if (keyword == "allOf") {
    for (size_t i = 0; i < value.size(); ++i) add(Contrary(*document_.Child(plain, keyword, i)));
  } else if (keyword == "anyOf") {
    Branch& none = all.emplace_back();
    for (size_t i = 0; i < value.size(); ++i)
      none.push_back({Contrary(*document_.Child(plain, keyword, i)), here.within});
  } else if (keyword == "not") {
    add(child("not"));
  } else if (keyword == "$ref") {
    add(Contrary(*document_.Resolve(plain, keyword)));
  } else if (keyword == "if") {
    if (at.schema->contains("then"))
      all.push_back({{child("if"), here.within}, {Contrary(child("then")), here.within}});
    if (at.schema->contains("else"))
      all.push_back({{Contrary(child("if")), here.within}, {Contrary(child("else")), here.within}});
  } else if (keyword == "required") {
    for (const Json& name : value) leaf(name.get<std::string>());
  } else if (keyword == "properties") {
    for (const auto& [name, schema] : value.items()) leaf(name);
  } else if ((keyword == "items" || keyword == "prefixItems") && value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) leaf(std::to_string(i));
  } else if (IsOneOf(keyword, kSimple) || keyword == "const" || keyword == "enum" || keyword == "pattern" ||
             keyword == "contains") {
    leaf("");
  }
  return all;
}

}  // namespace puna::engine
