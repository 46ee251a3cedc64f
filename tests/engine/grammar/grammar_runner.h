// A grammar run over whole texts, without tokens.
#pragma once

#include <string_view>

#include "engine/grammar/automata/stack_set.h"

namespace puna::engine {

enum class Match { kNo, kPrefix, kWhole };

// Whether the text is the grammar's, or at least begins as one of its texts.
inline Match Run(const Grammar& grammar, std::string_view text) {
  StackArena arena(grammar);
  StackSet state = arena.Start();
  for (const char byte : text) {
    state = arena.Step(state, static_cast<uint8_t>(byte));
    if (state.dead()) return Match::kNo;
  }
  return state.accepting ? Match::kWhole : Match::kPrefix;
}

}  // namespace puna::engine
