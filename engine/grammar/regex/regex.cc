#include "engine/grammar/regex/regex.h"

#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/regex/regex_parser.h"

namespace puna::engine {
namespace {

using Kind = Regex::Kind;

bool HasAnchor(const Regex& regex) {
  return regex.kind == Kind::kBegin || regex.kind == Kind::kEnd ||
         std::any_of(regex.children.begin(), regex.children.end(), HasAnchor);
}

// A regex free of anchors, and which ends of the text it is tied to.
struct Tied {
  std::vector<Regex> parts;
  bool begin = false, end = false;
};

class AnchorReader {
 public:
  AnchorReader(const std::string& keyword, const std::string& path) : keyword_(keyword), path_(path) {}

  // `regex` as alternatives that are tied as a whole.
  std::vector<Tied> Read(const Regex& regex) const {
    if (!HasAnchor(regex)) return {{{regex}}};
    if (regex.kind == Kind::kBegin) return {{{}, true, false}};
    if (regex.kind == Kind::kEnd) return {{{}, false, true}};
    if (regex.kind == Kind::kRepeat) Refuse();
    std::vector<Tied> all;
    if (regex.kind == Kind::kChoice) {
      for (const Regex& child : regex.children) Append(Read(child), all);
      return all;
    }
    all.emplace_back();
    for (const Regex& child : regex.children) all = Join(all, Read(child));
    return all;
  }

 private:
  [[noreturn]] void Refuse() const {
    throw GrammarError(keyword_, path_, "the regular expression has ^ or $ in a place where it cannot be enforced");
  }
  void Append(std::vector<Tied> more, std::vector<Tied>& all) const {
    for (Tied& tied : more) all.push_back(std::move(tied));
    if (all.size() > 1000) Refuse();
  }
  std::vector<Tied> Join(const std::vector<Tied>& heads, const std::vector<Tied>& tails) const {
    std::vector<Tied> all;
    for (const Tied& head : heads) {
      for (const Tied& tail : tails) {
        if ((tail.begin && !head.parts.empty()) || (head.end && !tail.parts.empty())) Refuse();
        Tied joined{head.parts, head.begin || tail.begin, head.end || tail.end};
        joined.parts.insert(joined.parts.end(), tail.parts.begin(), tail.parts.end());
        Append({std::move(joined)}, all);
      }
    }
    return all;
  }

  const std::string &keyword_, &path_;
};

Regex Anything() {
  Regex any{.kind = Kind::kRepeat, .chars = {}, .min = 0, .max = kUnbounded, .children = {}};
  any.children.push_back({.kind = Kind::kChars, .chars = CharSet::All(), .children = {}});
  return any;
}

}  // namespace

Regex ParseRegex(std::string_view pattern, RegexScope scope, const std::string& keyword, const std::string& path) {
  const Regex regex = RegexParser(pattern, keyword, path).Parse();
  Regex choice{.kind = Kind::kChoice, .chars = {}, .children = {}};
  for (Tied& tied : AnchorReader(keyword, path).Read(regex)) {
    Regex concat;
    concat.children = std::move(tied.parts);
    if (scope == RegexScope::kSearch && !tied.begin) concat.children.insert(concat.children.begin(), Anything());
    if (scope == RegexScope::kSearch && !tied.end) concat.children.push_back(Anything());
    choice.children.push_back(std::move(concat));
  }
  return choice.children.size() == 1 ? std::move(choice.children[0]) : choice;
}

NodeId RegexNode(const Regex& regex, CharEncoding encoding, GrammarBuilder& builder) {
  if (regex.kind == Kind::kChars) return CharNode(regex.chars, encoding, builder);
  std::vector<NodeId> children;
  for (const Regex& child : regex.children) children.push_back(RegexNode(child, encoding, builder));
  if (regex.kind == Kind::kRepeat) return builder.Repeat(children[0], regex.min, regex.max);
  if (regex.kind == Kind::kChoice) return builder.Choice(std::move(children));
  return builder.Sequence(std::move(children));
}

}  // namespace puna::engine
