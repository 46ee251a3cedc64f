// Regular expressions as ECMA-262 writes them (with the u flag), as far as they are regular.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/automata/char_set.h"

namespace puna::engine {

struct Regex {
  enum class Kind { kChars, kConcat, kChoice, kRepeat, kBegin, kEnd };
  Kind kind = Kind::kConcat;  // without children: the empty text
  CharSet chars;
  int min = 0, max = 0;
  std::vector<Regex> children;
};

enum class RegexScope { kWhole, kSearch };  // must match all of the text, or anywhere in it

// \d, \w and \s are ASCII and white space as ECMA has them; quantifiers may be lazy, which makes no
// difference to what matches. Refused: look-around, back references, \b, \p{...}, flags, and ^ or $
// that are not at the ends. The result has no anchors left: with kSearch, the text around is part of
// it. `path` says where the expression stands, for errors (GrammarError, keyword `keyword`).
Regex ParseRegex(std::string_view pattern, RegexScope scope, const std::string& keyword, const std::string& path);

// `regex` must be free of anchors, as ParseRegex leaves it.
NodeId RegexNode(const Regex& regex, CharEncoding encoding, GrammarBuilder& builder);

}  // namespace puna::engine
