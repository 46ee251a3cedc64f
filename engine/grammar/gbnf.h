// GBNF, llama.cpp's notation for grammars.
#pragma once

#include <string_view>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

// The node of the rule `root`. Throws GrammarError with the line as path: bad syntax, rules that are
// used but not defined, no root.
NodeId ParseGbnf(std::string_view text, GrammarBuilder& builder);

}  // namespace puna::engine
