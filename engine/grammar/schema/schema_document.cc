#include "engine/grammar/schema/schema_document.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/schema/uri.h"

namespace puna::engine {
namespace {

// Of draft 3; there are newer words for each.
constexpr std::string_view kForgotten[] = {"divisibleBy", "disallow", "extends"};
// Members that hold no schemas, whatever they look like.
constexpr std::string_view kValues[] = {"enum", "const", "default", "examples", "example"};
// Members whose members are schemas.
constexpr std::string_view kMaps[] = {"properties",  "patternProperties", "$defs",
                                      "definitions", "dependentSchemas",  "dependencies"};

template <size_t N>
bool IsOneOf(const std::string& word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
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

// Stops the parser before a hostile text has built anything deep.
Json ParseSchema(std::string_view text) {
  if (text.size() > SchemaDocument::kMaxBytes) throw CompilationLimit("schema", "#", "it is larger than 1 MiB");
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
      throw CompilationLimit("schema", "#",
                             "it is nested more than " + std::to_string(SchemaDocument::kMaxDepth) + " levels deep");
  }
  Json schema = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) throw GrammarMistake("schema", "#", "it is not valid JSON");
  if (!schema.is_object() && !schema.is_boolean())
    throw GrammarMistake("schema", "#", "a schema is an object or a boolean");
  return schema;
}

std::string StringMember(const Json& schema, const char* name) {
  const auto found = schema.find(name);
  return found != schema.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::optional<int> ReadCount(const Json& value) {
  const double count = value.is_number() ? value.get<double>() : -1;
  if (count < 0 || count != std::floor(count)) return std::nullopt;
  return count >= kUnbounded ? kUnbounded : static_cast<int>(count);
}

SchemaDocument::SchemaDocument(std::string_view text, Compilation& compilation)
    : compilation_(compilation), root_(ParseSchema(text)) {
  compilation_.Spend(static_cast<int64_t>(text.size()) / 8);
  const std::string draft = root_.is_object() ? StringMember(root_, "$schema") : "";
  for (const char* name : {"draft-03", "draft-04", "draft-06", "draft-07"})
    old_ = old_ || draft.find(name) != draft.npos;
  id_without_ = draft.find("draft-03") != draft.npos || draft.find("draft-04") != draft.npos;
  targets_[""] = &root_;
  Index(root_, "");
}

// Notes the addresses in `schema`, whose own base is `base` unless it says another.
void SchemaDocument::Index(const Json& schema, const std::string& base) {
  if (schema.is_array()) {
    for (const Json& child : schema) Index(child, base);
  }
  if (!schema.is_object()) return;
  std::string own = base;
  const bool alone = old_ && schema.contains("$ref");  // then nothing beside it counts
  const std::string id = alone ? "" : StringMember(schema, id_without_ ? "id" : "$id");
  if (id.starts_with('#')) {
    targets_.try_emplace(base + id, &schema);  // how older drafts write an anchor
  } else if (!id.empty()) {
    own = ResolveUri(base, id);
    own = own.substr(0, own.find('#'));
    targets_.try_emplace(own, &schema);
  }
  for (const char* anchor : {"$anchor", "$dynamicAnchor"}) {
    const std::string name = StringMember(schema, anchor);
    if (name.empty()) continue;
    targets_.try_emplace(own + "#" + name, &schema);
    if (anchor[1] == 'd') ++dynamic_anchors_[name];
  }
  for (const char* ref : {"$ref", "$dynamicRef", "$recursiveRef"}) {
    if (schema.contains(ref)) bases_[&schema] = own;
  }
  IndexMembers(schema, own);
}

void SchemaDocument::IndexMembers(const Json& schema, const std::string& base) {
  for (const auto& [keyword, value] : schema.items()) {
    if (IsOneOf(keyword, kValues)) continue;
    if (!IsOneOf(keyword, kMaps) || !value.is_object()) {
      Index(value, base);
      continue;
    }
    for (const Json& child : value) Index(child, base);
  }
}

std::optional<SchemaAt> SchemaDocument::Checked(const SchemaAt& parent, const std::string& keyword,
                                                SchemaAt child) const {
  if (child.schema->is_object() || child.schema->is_boolean()) return child;
  Lose(parent, keyword, "expected a schema at " + child.path);
  return std::nullopt;
}

std::optional<SchemaAt> SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword) const {
  return Checked(parent, keyword, {&(*parent.schema)[keyword], parent.path + "/" + Escape(keyword)});
}

std::optional<SchemaAt> SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword,
                                              const std::string& key) const {
  return Checked(parent, keyword, {&(*parent.schema)[keyword][key], parent.path + "/" + keyword + "/" + Escape(key)});
}

std::optional<SchemaAt> SchemaDocument::Child(const SchemaAt& parent, const std::string& keyword, size_t index) const {
  return Checked(parent, keyword,
                 {&(*parent.schema)[keyword][index], parent.path + "/" + keyword + "/" + std::to_string(index)});
}

// Null: there is nothing.
const Json* SchemaDocument::Find(const std::string& resource, const std::string& fragment) const {
  const bool pointer = fragment.empty() || fragment[0] == '/';
  const auto found = targets_.find(pointer ? resource : resource + "#" + fragment);
  if (found == targets_.end() || !pointer) return found == targets_.end() ? nullptr : found->second;
  try {
    return &found->second->at(Json::json_pointer(fragment));
  } catch (const Json::exception&) {
    return nullptr;
  }
}

std::optional<SchemaAt> SchemaDocument::Resolve(const SchemaAt& at, const std::string& keyword) const {
  const Json& ref = (*at.schema)[keyword];
  if (!ref.is_string()) {
    Lose(at, keyword, "expected a string");
    return std::nullopt;
  }
  const std::string text = ref.get<std::string>();
  const std::string target = ResolveUri(bases_.at(at.schema), text);
  const size_t hash = std::min(target.find('#'), target.size());
  const std::string resource = target.substr(0, hash);
  const std::string fragment = UnescapeUri(std::string_view(target).substr(std::min(hash + 1, target.size())));
  if (!targets_.contains(resource)) {
    Lose(at, keyword, "'" + text.substr(0, 100) + "' lies outside this schema");
    return std::nullopt;
  }
  const auto dynamic = dynamic_anchors_.find(fragment);
  if (keyword != "$ref" && dynamic != dynamic_anchors_.end() && dynamic->second > 1) {
    Lose(at, keyword, "it may lead to several places");
    return std::nullopt;
  }
  const Json* found = Find(resource, fragment);
  if (!found || (!found->is_object() && !found->is_boolean()))
    throw GrammarMistake(keyword, at.path, "there is no schema at '" + text.substr(0, 100) + "'");
  return SchemaAt{found, found == &root_ ? "#" : resource + "#" + fragment};
}

std::string SchemaDocument::NameScope(const std::vector<const Json*>& schemas) {
  std::string name;
  for (const Json* schema : schemas) name.append(reinterpret_cast<const char*>(&schema), sizeof schema);
  scopes_.try_emplace(name, schemas);
  return name;
}

void SchemaDocument::CheckKeywords(const SchemaAt& at) {
  if (!checked_.insert(at.schema).second) return;
  for (const auto& [keyword, value] : at.schema->items()) {
    if (IsOneOf(keyword, kForgotten)) Lose(at, keyword, "this keyword of draft 3 is not enforced");
  }
}

}  // namespace puna::engine
