#include "engine/grammar/schema/schema_document.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/automata/grammar_error.h"

namespace puna::engine {
namespace {

// Assertions of this draft and earlier ones that are not enforced.
constexpr std::string_view kRefused[] = {"not",
                                         "if",
                                         "then",
                                         "else",
                                         "dependentSchemas",
                                         "dependentRequired",
                                         "dependencies",
                                         "contains",
                                         "minContains",
                                         "maxContains",
                                         "unevaluatedItems",
                                         "unevaluatedProperties",
                                         "additionalItems",
                                         "$dynamicRef",
                                         "$recursiveRef",
                                         "contentEncoding",
                                         "contentMediaType",
                                         "contentSchema",
                                         "discriminator",
                                         "divisibleBy",
                                         "disallow",
                                         "extends"};

// Whether the keyword, as it stands here, rules nothing out.
bool SaysNothing(const Json& schema, const std::string& keyword, const Json& value) {
  if (keyword == "unevaluatedItems" || keyword == "unevaluatedProperties" || keyword == "additionalItems")
    return value == Json(true) || (value.is_object() && value.empty());
  if (keyword == "then" || keyword == "else") return !schema.contains("if");
  if (keyword == "minContains" || keyword == "maxContains") return !schema.contains("contains");
  if (keyword.starts_with("content") && keyword != "contains") return true;  // annotations since 2019-09
  if (keyword == "discriminator") return true;                               // OpenAPI's hint beside oneOf
  if (keyword.starts_with("dependen")) return value.is_object() && value.empty();
  return false;
}

std::string Escape(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

// A URI fragment's percent escapes.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Stops the parser before a hostile text has built anything deep.
Json ParseSchema(std::string_view text) {
  if (text.size() > SchemaDocument::kMaxBytes) throw GrammarError("schema", "#", "it is larger than 1 MiB");
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '{' || c == '['))
      ++depth;
    else if (!in_string && (c == '}' || c == ']'))
      --depth;
    if (depth > SchemaDocument::kMaxDepth)
      throw GrammarError("schema", "#",
                         "it is nested more than " + std::to_string(SchemaDocument::kMaxDepth) + " levels deep");
  }
  Json schema = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) throw GrammarError("schema", "#", "it is not valid JSON");
  if (!schema.is_object() && !schema.is_boolean())
    throw GrammarError("schema", "#", "a schema is an object or a boolean");
  return schema;
}

}  // namespace

void FailKeyword(const SchemaAt& at, const std::string& keyword, const std::string& message) {
  throw GrammarError(keyword, at.path, message);
}

int ReadCount(const SchemaAt& at, const std::string& keyword) {
  const Json& value = (*at.schema)[keyword];
  const double count = value.is_number() ? value.get<double>() : -1;
  if (count < 0 || count != std::floor(count)) FailKeyword(at, keyword, "expected a whole number of 0 or more");
  return count >= kUnbounded ? kUnbounded : static_cast<int>(count);
}

SchemaDocument::SchemaDocument(std::string_view text) : root_(ParseSchema(text)) {}

SchemaAt SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword) const {
  const SchemaAt child{&(*parent.schema)[keyword], parent.path + "/" + Escape(keyword)};
  if (!child.schema->is_object() && !child.schema->is_boolean()) FailKeyword(parent, keyword, "expected a schema");
  return child;
}

SchemaAt SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword, const std::string& key) const {
  const SchemaAt child{&(*parent.schema)[keyword][key], parent.path + "/" + keyword + "/" + Escape(key)};
  if (!child.schema->is_object() && !child.schema->is_boolean())
    FailKeyword(parent, keyword, "expected a schema for '" + key + "'");
  return child;
}

SchemaAt SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword, size_t index) const {
  const SchemaAt child{&(*parent.schema)[keyword][index], parent.path + "/" + keyword + "/" + std::to_string(index)};
  if (!child.schema->is_object() && !child.schema->is_boolean()) FailKeyword(parent, keyword, "expected schemas");
  return child;
}

const Json* SchemaDocument::FindAnchor(const Json& value, const std::string& name) const {
  if (value.is_object() && value.contains("$anchor") && value["$anchor"] == Json(name)) return &value;
  if (!value.is_structured()) return nullptr;
  for (const Json& child : value) {
    if (const Json* found = FindAnchor(child, name)) return found;
  }
  return nullptr;
}

SchemaAt SchemaDocument::Resolve(const SchemaAt& at) const {
  const Json& ref = (*at.schema)["$ref"];
  if (!ref.is_string()) FailKeyword(at, "$ref", "expected a string");
  std::string target = ref.get<std::string>();
  if (root_.is_object() && root_.contains("$id") && root_["$id"].is_string()) {
    const std::string id = root_["$id"].get<std::string>();
    if (!id.empty() && target.starts_with(id)) target.erase(0, id.size());
    if (target.empty()) target = "#";
  }
  if (target.empty() || target[0] != '#')
    FailKeyword(
        at, "$ref",
        "'" + target.substr(0, 100) + "' lies outside this schema; only references into it (#...) can be followed");
  const std::string fragment = Unescape(std::string_view(target).substr(1));
  const Json* found = nullptr;
  try {
    found =
        fragment.empty() || fragment[0] == '/' ? &root_.at(Json::json_pointer(fragment)) : FindAnchor(root_, fragment);
  } catch (const Json::exception&) {
    found = nullptr;
  }
  if (!found || (!found->is_object() && !found->is_boolean()))
    FailKeyword(at, "$ref", "there is no schema at '" + target.substr(0, 100) + "'");
  return {found, fragment.empty() || fragment[0] == '/' ? "#" + fragment : target};
}

void SchemaDocument::CheckKeywords(const SchemaAt& at) {
  if (!at.schema->is_object() || !checked_.insert(at.schema).second) return;
  for (const auto& [keyword, value] : at.schema->items()) {
    const bool refused = std::find(std::begin(kRefused), std::end(kRefused), keyword) != std::end(kRefused);
    if (refused && !SaysNothing(*at.schema, keyword, value))
      FailKeyword(at, keyword, "this keyword cannot be enforced; leave it out");
    if (keyword == "$id" && at.schema != &root_) FailKeyword(at, keyword, "only the outermost schema may have one");
  }
}

}  // namespace puna::engine
