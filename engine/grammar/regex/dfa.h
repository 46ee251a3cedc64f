// Finite automata over characters, for what grammars cannot do: intersections and complements.
#pragma once

#include <string>
#include <vector>

#include "engine/grammar/regex/regex.h"

namespace puna::engine {

class Dfa {
 public:
  static constexpr int kMaxStates = 20'000;

  // All throw GrammarError (at the place) when there are too many states.
  static Dfa FromRegex(const Regex& regex, const Place& place);
  // Texts of min to max characters.
  static Dfa OfLength(int min, int max, const Place& place);
  // Exactly these texts (valid UTF-8).
  static Dfa OfTexts(const std::vector<std::string>& texts);
  static Dfa All() { return OfTexts({}).Complement(); }

  Dfa Intersect(const Dfa& other, const Place& place) const;
  Dfa Unite(const Dfa& other, const Place& place) const;
  Dfa Complement() const;
  bool empty() const;  // matches nothing
  bool Matches(std::string_view text) const;
  NodeId ToNode(CharEncoding encoding, GrammarBuilder& builder) const;

 private:
  struct Edge {
    uint32_t lo, hi;
    int to;
  };
  struct State {
    bool accepting = false;
    std::vector<Edge> edges;  // sorted, apart
  };

  void AddEdges(int from, std::vector<Edge> edges, Compilation& compilation);
  std::vector<bool> Useful() const;  // by state: whether acceptance can still be reached

  std::vector<State> states_{1};  // 0 is the first
};

}  // namespace puna::engine
