// Regular expressions as ECMA-262 writes them (with the u flag), as far as they are regular, and what Python's and Rust's
// writers put into schemas.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/automata/char_set.h"
#include "engine/grammar/automata/compilation.h"

namespace puna::engine {

struct Regex {
  enum class Kind {
    kChars,     // one character of `chars`
    kConcat,    // the children one after the other; none: the empty text
    kChoice,    // one of the children
    kRepeat,    // the only child, min to max times
    kBegin,     // ^
    kEnd,       // $
    kWordEdge,  // \b; negated: \B
    kLook,      // (?=...), negated (?!...), behind (?<=...), both (?<!...)
  };
  Kind kind = Kind::kConcat;
  CharSet chars = {};
  int min = 0, max = 0;
  bool negated = false, behind = false;
  std::vector<Regex> children = {};
};

enum class RegexScope { kWhole, kSearch };  // must match all of the text, or anywhere in it

// \d, \w and \s are ASCII and white space as ECMA has them; quantifiers may be lazy, which makes no difference to what
// matches. Refused with a GrammarError: back references, conditions, look-ahead inside of look-behind. With kSearch, the
// text around is part of the result. Anchors that stand at the ends of the text have been resolved.
Regex ParseRegex(std::string_view pattern, RegexScope scope, const Place& place);

// Whether it has anchors, edges or look-around left, which only an automaton can enforce.
bool HasConditions(const Regex& regex);

// As grammar; through an automaton (GrammarError when that is too large) where there are conditions.
NodeId RegexNode(const Regex& regex, CharEncoding encoding, GrammarBuilder& builder, const Place& place);

}  // namespace puna::engine
