#include "engine/grammar/schema/schema_compiler.h"

#include <algorithm>
#include <cmath>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/schema/number_range.h"
#include "engine/grammar/schema/object_compiler.h"

namespace puna::engine {
namespace {

constexpr int64_t kFarthest = 999'999'999'999'999'999;  // 18 digits

// The nearest whole number within the bound.
std::optional<int64_t> WholeBound(const std::optional<NumberBound>& bound, bool lower, const std::string& path) {
  if (!bound) return std::nullopt;
  long double x = lower ? std::ceil(bound->value) : std::floor(bound->value);
  if (bound->exclusive && x == bound->value) x += lower ? 1 : -1;
  if (std::fabs(x) <= static_cast<long double>(kFarthest)) return static_cast<int64_t>(x);
  if ((x < 0) == lower) return std::nullopt;  // further than any number that we write
  throw GrammarError(lower ? "minimum" : "maximum", path, "whole numbers of more than 18 digits cannot be enforced");
}

std::optional<DecimalBound> DecimalOf(const std::optional<NumberBound>& bound, bool lower, const std::string& path) {
  if (!bound) return std::nullopt;
  const auto decimal = ToDecimal(static_cast<double>(bound->value), bound->exclusive);
  if (decimal) return decimal;
  if (std::fabs(bound->value) >= 1e15L && (bound->value < 0) == lower) return std::nullopt;
  throw GrammarError(lower ? "minimum" : "maximum", path,
                     "this bound of a number cannot be enforced: it has more than 15 digits");
}

}  // namespace

SchemaCompiler::SchemaCompiler(std::string_view text, JsonNodes& json, GrammarBuilder& builder)
    : document_(text), json_(json), b_(builder) {}

SchemaAt SchemaCompiler::Never() {
  static const Json never(false);
  return {&never, "#"};
}

NodeId SchemaCompiler::Compile() { return CompileSet({document_.root()}); }

NodeId SchemaCompiler::CompileSet(const SchemaSet& schemas) {
  if (++depth_ > kMaxDepth)
    throw GrammarError("schema", schemas.empty() ? "#" : schemas[0].path, "it is nested too deeply");
  std::vector<NodeId> branches;
  for (const SchemaSet& set : Expand(schemas)) {
    std::vector<const Json*> key;
    for (const SchemaAt& at : set) key.push_back(at.schema);
    std::sort(key.begin(), key.end());
    const auto known = rules_.find(key);
    if (known != rules_.end()) {
      branches.push_back(known->second);
      continue;
    }
    if (set.empty()) {
      branches.push_back(rules_[key] = json_.AnyValue());
      continue;
    }
    const NodeId rule = b_.DeclareRule();
    rules_[key] = rule;
    b_.DefineRule(rule, CompileShape(ReadShape(set, document_)));
    branches.push_back(rule);
  }
  --depth_;
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileShape(const Shape& s) {
  if (s.values) return CompileValues(s);
  std::vector<NodeId> branches;
  if (s.types & kObject) branches.push_back(ObjectCompiler(*this, s).Compile());
  if (s.types & kArray) branches.push_back(CompileArray(s));
  if (s.types & kString) branches.push_back(CompileString(s));
  if (s.types & kFraction)
    branches.push_back(CompileNumber(s));
  else if (s.types & kInteger)
    branches.push_back(CompileInteger(s));
  if (s.types & kBoolean) branches.push_back(json_.Boolean());
  if (s.types & kNull) branches.push_back(json_.Null());
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileValues(const Shape& s) {
  std::vector<std::string> texts;
  for (const Json& value : *s.values) {
    if (SatisfiesShape(value, s, 0)) texts.push_back(DumpJson(value));
  }
  return b_.Literals(std::move(texts));
}

NodeId SchemaCompiler::CompileNumber(const Shape& s) {
  if (!s.lo && !s.hi && s.exponents) return json_.Number();
  return DecimalRange(DecimalOf(s.lo, true, s.path), DecimalOf(s.hi, false, s.path), s.fraction_digits, json_, b_);
}

NodeId SchemaCompiler::CompileInteger(const Shape& s) {
  const auto lo = WholeBound(s.lo, true, s.path), hi = WholeBound(s.hi, false, s.path);
  if (!s.multiple || *s.multiple == 1) return IntegerRange(lo, hi, json_, b_);
  if (!lo && !hi) return CompileMultiples(s, 0, 0, true);
  if (!hi && *lo >= 0) return CompileMultiples(s, *lo, 0, true);
  if (!lo || !hi)
    throw GrammarError("multipleOf", s.path, "with a bound on one side, it can be enforced from 0 upwards only");
  return CompileMultiples(s, *lo, *hi, false);
}

// All multiples from lo to hi; with an open end, those from lo on with one more digit, as 15 digits
// allow.
NodeId SchemaCompiler::CompileMultiples(const Shape& s, int64_t lo, int64_t hi, bool open_end) {
  const auto m = static_cast<int64_t>(*s.multiple);
  constexpr int64_t kMost = 20'000;
  if (open_end) hi = lo <= kFarthest - kMost * m ? lo + 2'000 * m : kFarthest;
  const int64_t first = lo >= 0 ? (lo + m - 1) / m : -(-lo / m);
  const int64_t last = hi >= 0 ? hi / m : -((-hi + m - 1) / m);
  if (last - first > kMost) throw GrammarError("multipleOf", s.path, "there are too many multiples between the bounds");
  std::vector<std::string> texts;
  for (int64_t i = first; i <= last; ++i) texts.push_back(std::to_string(i * m));
  return b_.Literals(std::move(texts));
}

Dfa SchemaCompiler::StringDfa(const Shape& s) {
  std::optional<Dfa> all;
  const auto add = [&](Dfa dfa, const char* keyword) {
    all = all ? all->Intersect(dfa, keyword, s.path) : std::move(dfa);
  };
  for (const Regex& pattern : s.patterns) add(Dfa::FromRegex(pattern, "pattern", s.path), "pattern");
  if (s.min_length > s.max_length) return Dfa();
  const char* keyword = s.max_length == kUnbounded ? "minLength" : "maxLength";
  if (!all || s.min_length > 0 || s.max_length != kUnbounded)
    add(Dfa::OfLength(s.min_length, s.max_length, keyword, s.path), keyword);
  return *all;
}

NodeId SchemaCompiler::CompileString(const Shape& s) {
  if (s.min_length > s.max_length) return b_.Choice({});
  if (s.patterns.empty()) return json_.String(s.min_length, s.max_length);
  if (s.patterns.size() == 1 && s.min_length == 0 && s.max_length == kUnbounded)
    return json_.Quoted(RegexNode(s.patterns[0], CharEncoding::kJson, b_));
  return json_.Quoted(StringDfa(s).ToNode(CharEncoding::kJson, b_));
}

NodeId SchemaCompiler::CompileArray(const Shape& s) {
  if (s.min_items > s.max_items) return b_.Choice({});
  size_t places = 0;
  for (const ArrayRule& rule : s.arrays) places = std::max(places, rule.prefix.size());
  places = std::min(places, static_cast<size_t>(s.max_items));
  // From the last place to the first: what may stand behind i items.
  const int count = static_cast<int>(places);
  NodeId behind = b_.Empty();
  if (s.max_items > count) {
    // Items that nothing can be are no reason to refuse an array without them.
    const NodeId item = CompileSet(s.ItemSchemas(places));
    const int max = s.max_items == kUnbounded ? kUnbounded : s.max_items - count,
              min = std::max(0, s.min_items - count);
    if (count == 0) return json_.Array(item, min, max);
    behind = b_.Repeat(b_.Sequence({json_.Comma(), item}), min, max);
  } else if (count == 0) {
    return b_.Literal("[]");
  }
  for (int i = count - 1; i >= 0; --i) {
    std::vector<NodeId> parts{CompileSet(s.ItemSchemas(static_cast<size_t>(i))), behind};
    if (i > 0) parts.insert(parts.begin(), json_.Comma());
    behind = b_.Sequence(std::move(parts));
    if (i >= s.min_items) behind = b_.Optional(behind);
  }
  return b_.Sequence({b_.Literal("["), behind, b_.Literal("]")});
}

}  // namespace puna::engine
