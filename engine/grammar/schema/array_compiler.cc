#include "engine/grammar/schema/array_compiler.h"

#include <algorithm>

namespace puna::engine {

NodeId ArrayCompiler::Compile() {
  if (s_.min_items > s_.max_items) return b_.Choice({});
  if (s_.contains.size() > 1) c_.compilation_.Lose("contains", s_.path, "only one for an array can be enforced");
  if (!s_.contains.empty() && (s_.contains[0].min > 0 || s_.contains[0].max != kUnbounded)) {
    if (s_.unique && s_.max_items > 1)
      c_.compilation_.Lose("uniqueItems", s_.path, "it cannot be enforced beside contains");
    if (const auto node = Containing(s_.contains[0])) return *node;
  }
  if (!s_.unique || s_.max_items <= 1 || IsUniqueAnyhow()) return Plain();
  if (const auto values = FewValues()) {
    if (const auto node = Unique(*values)) return *node;
  }
  c_.compilation_.Lose("uniqueItems", s_.path, "it can be enforced for few values and small arrays only");
  return Plain();
}

NodeId ArrayCompiler::Plain() {
  const size_t places = std::min(s_.num_places(), static_cast<size_t>(s_.max_items));
  // From the last place to the first: what may stand behind i items.
  const int count = static_cast<int>(places);
  NodeId behind = b_.Empty();
  if (s_.max_items > count) {
    // Items that nothing can be are no reason to refuse an array without them.
    const NodeId item = c_.CompileSet(s_.ItemSchemas(places));
    const int max = s_.max_items == kUnbounded ? kUnbounded : s_.max_items - count,
              min = std::max(0, s_.min_items - count);
    if (count == 0) return json_.Array(item, min, max);
    behind = b_.Repeat(b_.Sequence({json_.Comma(), item}), min, max);
  } else if (count == 0) {
    return b_.Literal("[]");
  }
  for (int i = count - 1; i >= 0; --i) {
    std::vector<NodeId> parts{c_.CompileSet(s_.ItemSchemas(static_cast<size_t>(i))), behind};
    if (i > 0) parts.insert(parts.begin(), json_.Comma());
    behind = b_.Sequence(std::move(parts));
    if (i >= s_.min_items) behind = b_.Optional(behind);
  }
  return b_.Sequence({b_.Literal("["), behind, b_.Literal("]")});
}

bool ArrayCompiler::IsUniqueAnyhow() const {
  constexpr int kMost = 16;
  if (s_.max_items > kMost) return false;
  for (int i = 0; i < s_.max_items; ++i) {
    for (int j = i + 1; j < s_.max_items; ++j) {
      if (!c_.Disjoint(s_.ItemSchemas(static_cast<size_t>(i)), s_.ItemSchemas(static_cast<size_t>(j)), 0)) return false;
    }
  }
  return true;
}

// The values that items may have, as text; none: they are not few, or not the same in all places.
std::optional<std::vector<std::string>> ArrayCompiler::FewValues() const {
  if (s_.num_places() > 0) return std::nullopt;
  ValueSet few;
  for (const SchemaSet& set : c_.Expand(s_.ItemSchemas(0))) {
    const Shape shape = ReadShape(set, c_.document_);
    if (!shape.values && (shape.types & ~static_cast<unsigned>(kNull | kBoolean)) != 0) return std::nullopt;
    for (const Json& value : shape.values ? shape.values->values() : std::vector<Json>{true, false, nullptr}) {
      if (c_.SatisfiesShape(value, shape, 0)) few.Add(value);
    }
  }
  std::vector<std::string> texts;
  for (const Json& value : few.values()) texts.push_back(DumpJson(value));
  return texts;
}

std::optional<NodeId> ArrayCompiler::Unique(const std::vector<std::string>& values) {
  constexpr double kMostEdges = 50'000;
  const int n = static_cast<int>(values.size()), most = std::min(s_.max_items, n);
  if (s_.min_items > most) return b_.Choice({});
  double sets = 1, edges = 0;  // sets of k values
  for (int k = 0; k < most && edges <= kMostEdges; ++k) {
    edges += sets * (n - k);
    sets = sets * (n - k) / (k + 1);
  }
  if (edges > kMostEdges) return std::nullopt;
  return b_.Sequence({b_.Literal("["), Rest(values, std::vector<bool>(values.size()), 0), b_.Literal("]")});
}

// What may follow when these values have come.
NodeId ArrayCompiler::Rest(const std::vector<std::string>& values, const std::vector<bool>& used, int count) {
  const auto known = rests_.find(used);
  if (known != rests_.end()) return known->second;
  std::vector<NodeId> branches;
  if (count >= s_.min_items) branches.push_back(b_.Empty());
  for (size_t i = 0; i < values.size() && count < s_.max_items; ++i) {
    if (used[i]) continue;
    std::vector<bool> next = used;
    next[i] = true;
    branches.push_back(b_.Sequence({b_.Literal((count > 0 ? ", " : "") + values[i]), Rest(values, next, count + 1)}));
  }
  return rests_[used] = b_.Choice(std::move(branches));
}

std::optional<NodeId> ArrayCompiler::Containing(const ContainsRule& rule) {
  constexpr int kMost = 64;
  const bool bounded = s_.max_items != kUnbounded, limited = rule.max != kUnbounded;
  const int last = bounded ? s_.max_items : std::max(static_cast<int>(s_.num_places()), s_.min_items);
  const int most = limited ? rule.max : rule.min;
  SchemaAt other = rule.schema;
  other.negated = true;
  const std::string why = limited ? c_.WhyNotNegated(rule.schema) : "";
  if (last > kMost || most > kMost || !why.empty()) {
    c_.compilation_.Lose("contains", s_.path, why.empty() ? "it can be enforced for up to 64 items only" : why);
    return std::nullopt;
  }
  const auto item = [&](int place, bool matches) {
    SchemaSet schemas = s_.ItemSchemas(static_cast<size_t>(place));
    if (matches)
      schemas.push_back(rule.schema);
    else if (limited)
      schemas.push_back(other);
    const NodeId node = c_.CompileSet(schemas);
    return place > 0 ? b_.Sequence({json_.Comma(), node}) : node;
  };
  const auto may_end = [&](int count, int matched) { return count >= s_.min_items && matched >= rule.min; };
  std::vector<NodeId> behind(static_cast<size_t>(most) + 1);
  if (bounded) {
    for (int m = 0; m <= most; ++m) behind[m] = may_end(last, m) ? b_.Empty() : b_.Choice({});
  } else {
    // The same again and again: a rule for each count of matches.
    const NodeId hit = item(std::max(last, 1), true), miss = item(std::max(last, 1), false);
    for (NodeId& tail : behind) tail = b_.DeclareRule();
    for (int m = 0; m <= most; ++m) {
      std::vector<NodeId> branches{b_.Sequence({miss, behind[m]})};
      if (may_end(last, m)) branches.push_back(b_.Empty());
      if (m < most || !limited) branches.push_back(b_.Sequence({hit, behind[std::min(m + 1, most)]}));
      b_.DefineRule(behind[m], b_.Choice(std::move(branches)));
    }
  }
  const int first = bounded ? last : std::max(last, 1);
  for (int i = first - 1; i >= 0; --i) {
    const NodeId hit = item(i, true), miss = item(i, false);
    std::vector<NodeId> now(behind.size());
    for (int m = 0; m <= most; ++m) {
      std::vector<NodeId> branches{b_.Sequence({miss, behind[m]})};
      if (may_end(i, m)) branches.push_back(b_.Empty());
      if (m < most || !limited) branches.push_back(b_.Sequence({hit, behind[std::min(m + 1, most)]}));
      now[m] = b_.Choice(std::move(branches));
    }
    behind = std::move(now);
  }
  return b_.Sequence({b_.Literal("["), behind[0], b_.Literal("]")});
}

}  // namespace puna::engine
