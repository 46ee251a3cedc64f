#include "engine/grammar/regex/regex.h"

#include <algorithm>
#include <optional>

#include "engine/grammar/regex/dfa.h"
#include "engine/grammar/regex/regex_parser.h"

namespace puna::engine {
namespace {

using Kind = Regex::Kind;

bool IsCondition(Kind kind) {
  return kind == Kind::kBegin || kind == Kind::kEnd || kind == Kind::kWordEdge || kind == Kind::kLook;
}

// A regex free of conditions, and which ends of the text it is tied to.
struct Tied {
  std::vector<Regex> parts;
  bool begin = false, end = false;
};
using Ties = std::optional<std::vector<Tied>>;
constexpr size_t kMaxTies = 200;

Ties ReadTies(const Regex& regex);

Ties JoinTies(const std::vector<Tied>& heads, const std::vector<Tied>& tails) {
  std::vector<Tied> all;
  if (heads.size() * tails.size() > kMaxTies) return std::nullopt;
  for (const Tied& head : heads) {
    for (const Tied& tail : tails) {
      if ((tail.begin && !head.parts.empty()) || (head.end && !tail.parts.empty())) return std::nullopt;
      Tied& joined = all.emplace_back(head);
      joined.begin = head.begin || tail.begin;
      joined.end = head.end || tail.end;
      joined.parts.insert(joined.parts.end(), tail.parts.begin(), tail.parts.end());
    }
  }
  return all;
}

// `regex` as alternatives that are tied as a whole; none when its conditions stand elsewhere than at the ends.
Ties ReadTies(const Regex& regex) {
  if (!HasConditions(regex)) return std::vector<Tied>{Tied{{regex}, false, false}};
  if (regex.kind == Kind::kBegin) return std::vector<Tied>{Tied{{}, true, false}};
  if (regex.kind == Kind::kEnd) return std::vector<Tied>{Tied{{}, false, true}};
  if (regex.kind != Kind::kChoice && regex.kind != Kind::kConcat) return std::nullopt;
  const bool choice = regex.kind == Kind::kChoice;
  Ties all(choice ? std::vector<Tied>() : std::vector<Tied>(1));
  for (const Regex& child : regex.children) {
    const Ties ties = ReadTies(child);
    if (!ties) return std::nullopt;
    if (choice)
      all->insert(all->end(), ties->begin(), ties->end());
    else
      all = JoinTies(*all, *ties);
    if (!all || all->size() > kMaxTies) return std::nullopt;
  }
  return all;
}

Regex Anything() {
  Regex any{.kind = Kind::kRepeat, .max = kUnbounded};
  any.children.push_back({.kind = Kind::kChars, .chars = CharSet::All()});
  return any;
}

// With the text around it, as far as it is tied to no end.
Regex Around(std::vector<Regex> parts, bool before, bool behind) {
  Regex concat{.children = std::move(parts)};
  if (before) concat.children.insert(concat.children.begin(), Anything());
  if (behind) concat.children.push_back(Anything());
  return concat;
}

}  // namespace

bool HasConditions(const Regex& regex) {
  return IsCondition(regex.kind) || std::any_of(regex.children.begin(), regex.children.end(), HasConditions);
}

Regex ParseRegex(std::string_view pattern, RegexScope scope, const Place& place) {
  const Regex regex = RegexParser(pattern, place).Parse();
  const bool search = scope == RegexScope::kSearch;
  Ties ties = ReadTies(regex);
  if (!ties) return Around(std::vector<Regex>{regex}, search, search);
  Regex choice{.kind = Kind::kChoice};
  for (Tied& tied : *ties)
    choice.children.push_back(Around(std::move(tied.parts), search && !tied.begin, search && !tied.end));
  return choice.children.size() == 1 ? std::move(choice.children[0]) : choice;
}

NodeId RegexNode(const Regex& regex, CharEncoding encoding, GrammarBuilder& builder, const Place& place) {
  if (HasConditions(regex)) return Dfa::FromRegex(regex, place).ToNode(encoding, builder);
  if (regex.kind == Kind::kChars) return CharNode(regex.chars, encoding, builder);
  std::vector<NodeId> children;
  for (const Regex& child : regex.children) children.push_back(RegexNode(child, encoding, builder, place));
  if (regex.kind == Kind::kRepeat) return builder.Repeat(children[0], regex.min, regex.max);
  if (regex.kind == Kind::kChoice) return builder.Choice(std::move(children));
  return builder.Sequence(std::move(children));
}

}  // namespace puna::engine
