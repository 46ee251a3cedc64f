#include "engine/grammar/schema/schema_compiler.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/grammar/schema/array_compiler.h"
#include "engine/grammar/schema/number_range.h"
#include "engine/grammar/schema/object_compiler.h"

namespace puna::engine {
namespace {

constexpr int64_t kFarthest = 999'999'999'999'999'999;  // 18 digits

// The nearest whole number within the bound; none where every number that we write is.
std::optional<int64_t> WholeBound(const std::optional<NumberBound>& bound, bool lower, const Place& place) {
  if (!bound) return std::nullopt;
  long double x = lower ? std::ceil(bound->value) : std::floor(bound->value);
  if (bound->exclusive && x == bound->value) x += lower ? 1 : -1;
  if (std::fabs(x) <= static_cast<long double>(kFarthest)) return static_cast<int64_t>(x);
  if ((x < 0) != lower) place.Lose("whole numbers of more than 18 digits cannot be enforced");
  return std::nullopt;
}

std::optional<DecimalBound> DecimalOf(const std::optional<NumberBound>& bound, bool lower, const Place& place) {
  if (!bound) return std::nullopt;
  const auto decimal = ToDecimal(static_cast<double>(bound->value), bound->exclusive);
  const bool far = std::fabs(bound->value) >= 1e15L && (bound->value < 0) == lower;
  if (!decimal && !far) place.Lose("this bound of a number cannot be enforced: it has more than 15 digits");
  return decimal;
}

// The shape's bounds with its excluded numbers cut out of them.
std::vector<std::pair<std::optional<NumberBound>, std::optional<NumberBound>>> Gaps(const Shape& s) {
  std::vector<long double> holes;
  for (const Json& value : s.excluded.values()) {
    if (value.is_number_float())
      holes.push_back(value.get<double>());
    else if (value.is_number_unsigned())
      holes.push_back(static_cast<long double>(value.get<uint64_t>()));
    else if (value.is_number())
      holes.push_back(static_cast<long double>(value.get<int64_t>()));
  }
  std::sort(holes.begin(), holes.end());
  const auto inside = [&](long double x) { return (!s.lo || x >= s.lo->value) && (!s.hi || x <= s.hi->value); };
  std::vector<std::pair<std::optional<NumberBound>, std::optional<NumberBound>>> gaps;
  std::optional<NumberBound> lo = s.lo;
  for (const long double hole : holes) {
    if (!inside(hole)) continue;
    gaps.emplace_back(lo, NumberBound{hole, true});
    lo = NumberBound{hole, true};
  }
  gaps.emplace_back(lo, s.hi);
  return gaps;
}

}  // namespace

SchemaCompiler::SchemaCompiler(std::string_view text, JsonNodes& json, GrammarBuilder& builder)
    : compilation_(builder.compilation()), document_(text, compilation_), json_(json), b_(builder) {}

NodeId SchemaCompiler::Compile() { return CompileSet({document_.root()}); }

std::string SchemaCompiler::WhereNothing(NodeId node) const {
  std::string path = "#";
  const auto empty = [&](NodeId id) { return b_.node(id).min_bytes == kUnbounded; };
  for (std::set<NodeId> seen; seen.insert(node).second;) {
    if (const auto place = paths_.find(node); place != paths_.end()) path = place->second;
    const std::vector<NodeId>& children = b_.node(node).children;
    const auto child = std::find_if(children.begin(), children.end(), empty);
    if (child == children.end()) break;
    node = *child;
  }
  return path;
}

SchemaCompiler::Identity SchemaCompiler::IdentityOf(const SchemaSet& schemas) {
  Identity identity;
  for (const SchemaAt& at : schemas) identity.emplace_back(at.schema, at.negated, at.keyword, at.member);
  std::sort(identity.begin(), identity.end());
  return identity;
}

NodeId SchemaCompiler::CompileSet(const SchemaSet& schemas) {
  if (++depth_ > kMaxDepth)
    throw GrammarError("schema", schemas.empty() ? "#" : schemas[0].path, "it is nested too deeply");
  std::vector<NodeId> branches;
  for (const SchemaSet& set : Expand(schemas)) {
    const Identity identity = IdentityOf(set);
    const auto known = rules_.find(identity);
    if (known != rules_.end()) {
      branches.push_back(known->second);
    } else if (set.empty()) {
      branches.push_back(rules_[identity] = json_.AnyValue());
    } else {
      const NodeId rule = b_.DeclareRule();
      rules_[identity] = rule;
      paths_[rule] = set[0].path;
      b_.DefineRule(rule, CompileShape(ReadShape(set, document_)));
      branches.push_back(rule);
    }
  }
  --depth_;
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileShape(const Shape& s) {
  if (s.values) return CompileValues(s);
  std::vector<NodeId> branches;
  if (s.types & kObject) branches.push_back(ObjectCompiler(*this, s).Compile());
  if (s.types & kArray) branches.push_back(ArrayCompiler(*this, s).Compile());
  if (s.types & kString) branches.push_back(CompileString(s));
  if (s.types & kFraction)
    branches.push_back(CompileNumber(s));
  else if (s.types & kInteger)
    branches.push_back(CompileInteger(s));
  if (s.types & kBoolean) branches.push_back(CompileBoolean(s));
  if ((s.types & kNull) && !s.excluded.Contains(nullptr)) branches.push_back(json_.Null());
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileValues(const Shape& s) {
  std::vector<std::string> texts;
  for (const Json& value : s.values->values()) {
    if (SatisfiesShape(value, s, 0)) texts.push_back(DumpJson(value));
  }
  return b_.Literals(std::move(texts));
}

NodeId SchemaCompiler::CompileBoolean(const Shape& s) {
  std::vector<NodeId> branches;
  if (!s.excluded.Contains(true)) branches.push_back(b_.Literal("true"));
  if (!s.excluded.Contains(false)) branches.push_back(b_.Literal("false"));
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileNumber(const Shape& s) {
  const bool whole = (s.types & kInteger) != 0, bounded = s.lo || s.hi || !s.exponents || !s.excluded.values().empty();
  if (whole) return bounded ? CompileNumberBetween(s) : json_.Number();
  if (bounded) {
    compilation_.Lose("not", s.path, "the contrary of integer cannot be enforced beside bounds");
    return CompileNumberBetween(s);
  }
  return b_.Sequence(
      {json_.Integer(), b_.Literal("."), json_.Digits(0, JsonNodes::kFractionDigits - 1), b_.Range('1', '9')});
}

NodeId SchemaCompiler::CompileNumberBetween(const Shape& s) {
  std::vector<NodeId> branches;
  for (const auto& [low, high] : Gaps(s)) {
    const auto lo = DecimalOf(low, true, PlaceOf("minimum", s.path)),
               hi = DecimalOf(high, false, PlaceOf("maximum", s.path));
    branches.push_back(DecimalRange(lo, hi, s.fraction_digits, json_, b_));
  }
  return b_.Choice(std::move(branches));
}

NodeId SchemaCompiler::CompileInteger(const Shape& s) {
  std::vector<NodeId> branches;
  for (const auto& [low, high] : Gaps(s)) {
    const auto lo = WholeBound(low, true, PlaceOf("minimum", s.path)),
               hi = WholeBound(high, false, PlaceOf("maximum", s.path));
    std::optional<NodeId> multiples;
    if (s.multiple && *s.multiple != 1) {
      if (!hi && lo.value_or(0) >= 0)
        multiples = CompileMultiples(s, lo.value_or(0), 0, true);
      else if (lo && hi)
        multiples = CompileMultiples(s, *lo, *hi, false);
      else
        compilation_.Lose("multipleOf", s.path, "with a bound on one side, it can be enforced from 0 upwards only");
    }
    branches.push_back(multiples ? *multiples : IntegerRange(lo, hi, json_, b_));
  }
  return b_.Choice(std::move(branches));
}

// All multiples from lo to hi; with an open end, 2000 from lo on.
std::optional<NodeId> SchemaCompiler::CompileMultiples(const Shape& s, int64_t lo, int64_t hi, bool open_end) {
  const auto m = static_cast<int64_t>(*s.multiple);
  constexpr int64_t kMost = 20'000;
  if (open_end) hi = lo <= kFarthest - kMost * m ? lo + 2'000 * m : kFarthest;
  const int64_t first = lo >= 0 ? (lo + m - 1) / m : -(-lo / m);
  const int64_t last = hi >= 0 ? hi / m : -((-hi + m - 1) / m);
  if (last - first > kMost) {
    compilation_.Lose("multipleOf", s.path, "there are too many multiples between the bounds");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (int64_t i = first; i <= last; ++i) texts.push_back(std::to_string(i * m));
  return b_.Literals(std::move(texts));
}

}  // namespace puna::engine
