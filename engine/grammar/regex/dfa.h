// Finite automata over characters, for what grammars cannot do: intersections and complements.
#pragma once

#include <string>
#include <vector>

#include "engine/grammar/regex/regex.h"

namespace puna::engine {

class Dfa {
 public:
  static constexpr int kMaxStates = 5'000;

  // All throw GrammarError (keyword, path) when there are too many states.
  static Dfa FromRegex(const Regex& regex, const std::string& keyword, const std::string& path);
  // Texts of min to max characters.
  static Dfa OfLength(int min, int max, const std::string& keyword, const std::string& path);
  // Exactly these texts (valid UTF-8).
  static Dfa OfTexts(const std::vector<std::string>& texts);

  Dfa Intersect(const Dfa& other, const std::string& keyword, const std::string& path) const;
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

  std::vector<bool> Useful() const;  // by state: whether acceptance can still be reached

  std::vector<State> states_{1};  // 0 is the first
};

}  // namespace puna::engine
