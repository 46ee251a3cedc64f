#include "engine/grammar/schema/object_compiler.h"

#include <algorithm>

namespace puna::engine {
namespace {

// Names that are told apart by the patterns that they match.
struct NameClass {
  Dfa names;
  SchemaSet values;
  std::vector<bool> known;  // by rule: whether it has a pattern for them
};

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
    if (!s_.names.empty() && !c_.Satisfies(Json(name), s_.names, 0)) values.push_back(NeverSchema());
    const NodeId key = b_.Literal(Json(name).dump());
    properties_.push_back({b_.Sequence({json_.Key(key), c_.CompileSet(values)}), required});
  }
}

// What propertyNames leaves of all texts; none: everything.
std::optional<Dfa> ObjectCompiler::AllowedNames() {
  if (s_.names.empty()) return std::nullopt;
  const Place place = c_.PlaceOf("propertyNames", s_.path);
  Dfa allowed;
  for (const SchemaSet& set : c_.Expand(s_.names)) {
    const Shape shape = ReadShape(set, c_.document_);
    Dfa more;
    if (shape.values) {
      std::vector<std::string> texts;
      for (const Json& v : shape.values->values()) {
        if (v.is_string() && c_.SatisfiesShape(v, shape, 0)) texts.push_back(v.get<std::string>());
      }
      more = Dfa::OfTexts(texts);
    } else if (shape.types & kString) {
      more = c_.StringDfa(shape);
    }
    allowed = allowed.Unite(more, place);
  }
  return allowed;
}

void ObjectCompiler::AddExtra(const Dfa& names, const SchemaSet& values) {
  if (names.empty() || c_.Expand(values).empty()) return;
  const NodeId key = json_.Quoted(names.ToNode(CharEncoding::kJson, b_));
  extra_.push_back(b_.Sequence({json_.Key(key), c_.CompileSet(values)}));
}

// What may stand for a property that is not declared: all names, divided by which patterns they match.
void ObjectCompiler::ReadExtras() {
  const Place place = c_.PlaceOf("patternProperties", s_.path);
  const bool open = Open();
  const bool patterns =
      std::any_of(s_.objects.begin(), s_.objects.end(), [](const ObjectRule& rule) { return !rule.patterns.empty(); });
  if (!open && !patterns) return;
  if (!patterns && names_.empty() && s_.names.empty()) {
    SchemaSet values;
    for (const ObjectRule& rule : s_.objects) {
      if (rule.additional) values.push_back(*rule.additional);
    }
    if (!c_.Expand(values).empty())
      extra_.push_back(b_.Sequence({json_.Key(json_.String(0, kUnbounded)), c_.CompileSet(values)}));
    return;
  }
  Dfa rest = AllowedNames().value_or(Dfa::All());
  if (!names_.empty()) rest = rest.Intersect(Dfa::OfTexts(names_).Complement(), place);
  std::vector<NameClass> classes{{std::move(rest), {}, std::vector<bool>(s_.objects.size())}};
  for (size_t i = 0; i < s_.objects.size(); ++i) {
    for (const ObjectRule::Pattern& pattern : s_.objects[i].patterns) {
      std::vector<NameClass> divided;
      for (const NameClass& one : classes) {
        NameClass with{one.names.Intersect(pattern.names, place), one.values, one.known};
        with.values.push_back(pattern.schema);
        with.known[i] = true;
        divided.push_back({one.names.Intersect(pattern.names.Complement(), place), one.values, one.known});
        divided.push_back(std::move(with));
      }
      std::erase_if(divided, [](const NameClass& one) { return one.names.empty(); });
      classes = std::move(divided);
    }
  }
  for (NameClass& one : classes) {
    const bool known = std::find(one.known.begin(), one.known.end(), true) != one.known.end();
    for (size_t i = 0; i < s_.objects.size(); ++i) {
      if (!one.known[i] && s_.objects[i].additional) one.values.push_back(*s_.objects[i].additional);
    }
    if (known || open) AddExtra(one.names, one.values);
  }
}

// The undeclared members behind `count` declared ones. Their names may repeat, so that one of them
// is all that counts towards minProperties.
NodeId ObjectCompiler::Extras(int count) {
  const NodeId none = count >= min_ ? b_.Empty() : b_.Choice({});
  if (extra_.empty() || count >= s_.max_properties) return none;
  const NodeId member = b_.Choice(extra_);
  const int room = s_.max_properties == kUnbounded ? kUnbounded : s_.max_properties - count;
  if (count + 1 < min_) return none;
  const NodeId next = b_.Sequence({json_.Comma(), member});
  if (count > 0) return b_.Choice({none, b_.Repeat(next, 1, room)});
  const int more = room == kUnbounded ? kUnbounded : room - 1;
  return b_.Choice({none, b_.Sequence({member, b_.Repeat(next, 0, more)})});
}

// A table over the properties and how many came before; the count matters up to the bounds only.
NodeId ObjectCompiler::Members() {
  const int n = static_cast<int>(properties_.size());
  const int bound =
      s_.max_properties == kUnbounded || s_.max_properties > n + 1 ? min_ : std::max(s_.max_properties, min_);
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
  const int sure = static_cast<int>(properties_.size()) + 1;
  if (!extra_.empty() && min_ > sure) {
    c_.compilation_.Lose("minProperties", s_.path,
                         "only 1 more than the declared properties can be enforced: other names may repeat");
    min_ = sure;
  }
  return b_.Sequence({b_.Literal("{"), Members(), b_.Literal("}")});
}

}  // namespace puna::engine
