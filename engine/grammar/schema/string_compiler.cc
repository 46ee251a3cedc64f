// SchemaCompiler: strings.
#include <algorithm>

#include "engine/grammar/schema/schema_compiler.h"

namespace puna::engine {

// None: it has been lost.
std::optional<Dfa> SchemaCompiler::PatternDfa(const PatternRule& rule) {
  try {
    Dfa dfa = Dfa::FromRegex(rule.regex, PlaceOf(rule.keyword, rule.path));
    return rule.negated ? dfa.Complement() : std::move(dfa);
  } catch (const CompilationLimit&) {
    throw;
  } catch (const GrammarError& e) {
    compilation_.Lose(rule.keyword, rule.path, e.message());
    return std::nullopt;
  }
}

// What patterns, formats and excluded texts leave; none: everything. A format that leaves nothing of the patterns beside
// it is an annotation: zod's times have no zone, and say so in a pattern.
std::optional<Dfa> SchemaCompiler::PatternsDfa(const Shape& s) {
  std::optional<Dfa> all;
  const auto add = [&](Dfa dfa, const Place& place) { all = all ? all->Intersect(dfa, place) : std::move(dfa); };
  const auto try_add = [&](const PatternRule& rule) {
    const std::optional<Dfa> before = all;
    const Place place = PlaceOf(rule.keyword, rule.path);
    const std::optional<Dfa> dfa = PatternDfa(rule);
    if (!dfa) return;
    try {
      add(*dfa, place);
    } catch (const CompilationLimit&) {
      throw;
    } catch (const GrammarError& e) {
      compilation_.Lose(rule.keyword, rule.path, e.message());
      all = before;
    }
    if (rule.keyword != "format" || s.patterns.empty() || !all->empty() || before->empty()) return;
    compilation_.Note("format", rule.path, "it contradicts the pattern beside it, which counts");
    all = before;
  };
  for (const PatternRule& rule : s.patterns) try_add(rule);
  for (const PatternRule& rule : s.formats) try_add(rule);
  std::vector<std::string> texts;
  for (const Json& value : s.excluded.values()) {
    if (value.is_string()) texts.push_back(value.get<std::string>());
  }
  if (!texts.empty()) add(Dfa::OfTexts(texts).Complement(), PlaceOf("not", s.path));
  return all;
}

Dfa SchemaCompiler::StringDfa(const Shape& s) {
  if (s.min_length > s.max_length) return Dfa();
  std::optional<Dfa> all = PatternsDfa(s);
  const int max = s.max_length >= s.format_length && all ? kUnbounded : s.max_length;
  if (all && s.min_length == 0 && max == kUnbounded) return *all;
  const char* keyword = max == kUnbounded ? "minLength" : "maxLength";
  try {
    const Dfa length = Dfa::OfLength(s.min_length, max, PlaceOf(keyword, s.path));
    return all ? all->Intersect(length, PlaceOf(keyword, s.path)) : length;
  } catch (const CompilationLimit&) {
    throw;
  } catch (const GrammarError& e) {
    compilation_.Lose(keyword, s.path, e.message());
    return all ? *all : Dfa::All();
  }
}

NodeId SchemaCompiler::CompileString(const Shape& s) {
  if (s.min_length > s.max_length) return b_.Choice({});
  const bool texts =
      std::any_of(s.excluded.values().begin(), s.excluded.values().end(), [](const Json& v) { return v.is_string(); });
  if (s.patterns.empty() && s.formats.empty() && !texts) return json_.String(s.min_length, s.max_length);
  const bool bounded = s.min_length > 0 || s.max_length < s.format_length;
  const PatternRule* only = s.patterns.size() + s.formats.size() != 1 ? nullptr
                            : s.formats.empty()                       ? s.patterns.data()
                                                                      : s.formats.data();
  if (only && !bounded && !texts && !only->negated && !HasConditions(only->regex))
    return json_.Quoted(RegexNode(only->regex, CharEncoding::kJson, b_, PlaceOf(only->keyword, only->path)));
  return json_.Quoted(StringDfa(s).ToNode(CharEncoding::kJson, b_));
}

}  // namespace puna::engine
