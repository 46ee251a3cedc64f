// The characters that \p{...} names, and those that are one when case is ignored.
#pragma once

#include <optional>
#include <string_view>

#include "engine/grammar/automata/char_set.h"

namespace puna::engine {

// A general category by its short or long name (Lu, Uppercase_Letter; L, M, N, P, S, Z and C are all of theirs), a script
// (Latin; Script=Latin, sc=, scx=) or one of the binary properties of ECMA-262 that occur (Alphabetic, Emoji,
// White_Space, ...). None: no such property is known.
std::optional<CharSet> UnicodePropertyChars(std::string_view name);

// With every character that folds to the same as one of the set (Unicode's simple case folding, as ECMA-262's i with u).
CharSet CloseOverCase(const CharSet& set);

}  // namespace puna::engine
