#include "engine/grammar/schema/object_compiler.h"

#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"

namespace puna::engine {
namespace {

constexpr const char* kPatterns = "patternProperties";

Dfa AnyText() { return Dfa::OfTexts({}).Complement(); }

}  // namespace

// Whether undeclared properties other than by a pattern may come.
bool ObjectCompiler::Open() const {
  bool said = false, named = false;
  for (const ObjectRule& rule : s_.objects) {
    said = said || rule.additional.has_value();
    named = named || rule.lists || !rule.patterns.empty();
  }
  return said || (!named && s_.required.empty());
}

void ObjectCompiler::ReadProperties() {
  names_ = s_.DeclaredNames();
  for (const std::string& name : names_) {
    const bool required = s_.Requires(name);
    SchemaSet values = s_.PropertySchemas(name);
    if (!s_.names.empty() && !c_.Satisfies(Json(name), s_.names, 0)) values.push_back(c_.Never());
    const NodeId key = b_.Literal(Json(name).dump());
    properties_.push_back({b_.Sequence({json_.Key(key), c_.CompileSet(values)}), required});
  }
}

void ObjectCompiler::AddExtra(Dfa names, const SchemaSet& values) {
  if (!names_.empty()) names = names.Intersect(Dfa::OfTexts(names_).Complement(), kPatterns, s_.path);
  if (!s_.names.empty()) {
    std::optional<Dfa> allowed;
    for (const SchemaSet& set : c_.Expand(s_.names)) {
      Shape shape = ReadShape(set, c_.document_);
      if (allowed) throw GrammarError("propertyNames", s_.path, "choices in it cannot be enforced");
      if (shape.values) {
        std::vector<std::string> texts;
        for (const Json& v : *shape.values) {
          if (c_.SatisfiesShape(v, shape, 0) && v.is_string()) texts.push_back(v.get<std::string>());
        }
        allowed = Dfa::OfTexts(texts);
      } else {
        allowed = shape.types & kString ? c_.StringDfa(shape) : Dfa();
      }
    }
    names = names.Intersect(allowed.value_or(Dfa()), "propertyNames", s_.path);
  }
  if (names.empty()) return;
  const NodeId key = json_.Quoted(names.ToNode(CharEncoding::kJson, b_));
  extra_.push_back(b_.Sequence({json_.Key(key), c_.CompileSet(values)}));
}

// What may stand for a property that is not declared.
void ObjectCompiler::ReadExtras() {
  Dfa rest = AnyText();
  bool patterns = false;
  for (size_t i = 0; i < s_.objects.size(); ++i) {
    for (const ObjectRule::Pattern& pattern : s_.objects[i].patterns) {
      const Dfa fresh = pattern.names.Intersect(rest, kPatterns, s_.path);
      if (!pattern.names.Intersect(rest.Complement(), kPatterns, s_.path).empty())
        throw GrammarError(kPatterns, s_.path, "two patterns match the same names; that cannot be enforced");
      SchemaSet values{pattern.schema};
      for (size_t j = 0; j < s_.objects.size(); ++j) {
        if (j != i && s_.objects[j].additional) values.push_back(*s_.objects[j].additional);
      }
      AddExtra(fresh, values);
      rest = rest.Intersect(pattern.names.Complement(), kPatterns, s_.path);
      patterns = true;
    }
  }
  if (!Open()) return;
  SchemaSet values;
  for (const ObjectRule& rule : s_.objects) {
    if (rule.additional) values.push_back(*rule.additional);
  }
  if (c_.Expand(values).empty()) return;
  if (!patterns && names_.empty() && s_.names.empty())
    extra_.push_back(b_.Sequence({json_.Key(json_.String(0, kUnbounded)), c_.CompileSet(values)}));
  else
    AddExtra(rest, values);
}

// The undeclared members behind `count` declared ones. Their names may repeat, so that one of them
// is all that counts towards minProperties.
NodeId ObjectCompiler::Extras(int count) {
  const NodeId none = count >= s_.min_properties ? b_.Empty() : b_.Choice({});
  if (extra_.empty() || count >= s_.max_properties) return none;
  const NodeId member = b_.Choice(extra_);
  const int room = s_.max_properties == kUnbounded ? kUnbounded : s_.max_properties - count;
  if (count + 1 < s_.min_properties) return none;
  const NodeId next = b_.Sequence({json_.Comma(), member});
  if (count > 0) return b_.Choice({none, b_.Repeat(next, 1, room)});
  const int more = room == kUnbounded ? kUnbounded : room - 1;
  return b_.Choice({none, b_.Sequence({member, b_.Repeat(next, 0, more)})});
}

// A table over the properties and how many came before; the count matters up to the bounds only.
NodeId ObjectCompiler::Members() {
  const int n = static_cast<int>(properties_.size());
  const int bound = s_.max_properties == kUnbounded || s_.max_properties > n + 1
                        ? s_.min_properties
                        : std::max(s_.max_properties, s_.min_properties);
  const bool bounded_extras = s_.max_properties != kUnbounded && !extra_.empty();
  const int cap = std::max(1, bounded_extras ? n : std::min(n, bound));
  if (int64_t{n} * cap > kMaxCells) throw GrammarError("properties", s_.path, "there are too many");
  std::vector<NodeId> behind(static_cast<size_t>(cap) + 1);
  for (int count = 0; count <= cap; ++count) behind[count] = Extras(count);
  for (int i = n - 1; i >= 0; --i) {
    std::vector<NodeId> now(behind.size());
    for (int count = 0; count <= std::min(cap, i); ++count) {
      std::vector<NodeId> branches;
      if (count < s_.max_properties) {
        std::vector<NodeId> parts{properties_[i].member, behind[std::min(count + 1, cap)]};
        if (count > 0) parts.insert(parts.begin(), json_.Comma());
        branches.push_back(b_.Sequence(std::move(parts)));
      }
      if (!properties_[i].required) branches.push_back(behind[count]);
      now[count] = b_.Choice(std::move(branches));
    }
    behind = std::move(now);
  }
  return behind[0];
}

NodeId ObjectCompiler::Compile() {
  ReadProperties();
  ReadExtras();
  if (!extra_.empty() && s_.min_properties > static_cast<int>(properties_.size()) + 1)
    throw GrammarError("minProperties", s_.path,
                       "only 1 more than the declared properties can be enforced: other names may repeat");
  return b_.Sequence({b_.Literal("{"), Members(), b_.Literal("}")});
}

}  // namespace puna::engine
