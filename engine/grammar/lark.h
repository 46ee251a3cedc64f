// Lark's grammars as rules of ours.
#pragma once

#include <string_view>

#include "engine/grammar/automata/char_set.h"
#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

// The texts of the rule `start`. Which of two readings of a text Lark would take, and what its lexer would not find (a terminal
// that a longer one hides), does not matter here: every text that the rules describe is taken. Rules may begin with
// themselves; by way of others they may not. Throws what ReadLark throws.
NodeId ParseLark(std::string_view text, CharEncoding encoding, GrammarBuilder& builder);

}  // namespace puna::engine
