// The idea. A grammar can say "this, then that" and "this or that", but neither "both" nor "not". Where a schema wants
// those (a pattern and a length, a pattern and a format, a property's name that is none of the others), the texts are
// put into a deterministic automaton, for which they are easy:
//
//   FromRegex   subset construction: a state is what the nondeterministic automaton may be in; the alphabet is not a million
//               characters but the few classes of characters that this pattern tells apart (char_classes), so an edge is a range
//   Intersect   both at once: a state is a pair, an edge the overlap of two ranges; only pairs that are reached are made
//   Complement  an edge for every character without one, to a state that accepts everything; then acceptance turned round
//   Unite       De Morgan
//   ToNode      back into a grammar: a rule for each state that can still lead to acceptance, right-linear, so that the stacks
//               of a StackSet stay short however long the text is
//
// Subset construction can grow exponentially and products multiply: kMaxStates and the compilation's budget bound both,
// and the place in the schema is named.
#include "engine/grammar/regex/dfa.h"

#include <algorithm>
#include <map>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/regex/condition_automaton.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

[[noreturn]] void TooLarge(const Place& place) {
  place.Fail("it needs too large an automaton; the limit is " + std::to_string(Dfa::kMaxStates) + " states");
}

}  // namespace

// Sorted, and neighbours that lead to the same state as one.
void Dfa::AddEdges(int from, std::vector<Edge> edges, Compilation& compilation) {
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.lo < b.lo; });
  std::vector<Edge>& merged = states_[static_cast<size_t>(from)].edges;
  for (const Edge& edge : edges) {
    if (!merged.empty() && merged.back().to == edge.to && merged.back().hi + 1 == edge.lo)
      merged.back().hi = edge.hi;
    else
      merged.push_back(edge);
  }
  compilation.Hold(sizeof(State) + merged.capacity() * sizeof(Edge));
}

Dfa Dfa::FromRegex(const Regex& regex, const Place& place) {
  ConditionAutomaton automaton(regex, place);
  std::vector<ConditionAutomaton::State> states{automaton.Start()};
  std::map<ConditionAutomaton::State, int> ids{{states[0], 0}};
  Dfa dfa;
  for (size_t i = 0; i < states.size(); ++i) {
    dfa.states_[i].accepting = automaton.Accepts(states[i]);
    std::vector<Edge> edges;
    for (size_t c = 0; c < automaton.char_classes().size(); ++c) {
      ConditionAutomaton::State next = automaton.Step(states[i], c);
      if (automaton.IsDead(next)) continue;
      const auto [at, added] = ids.try_emplace(next, static_cast<int>(states.size()));
      if (added) {
        if (states.size() >= kMaxStates) TooLarge(place);
        states.push_back(std::move(next));
        dfa.states_.emplace_back();
      }
      for (const auto& [lo, hi] : automaton.char_classes()[c]) edges.push_back({lo, hi, at->second});
    }
    place.compilation.Spend(static_cast<int64_t>(edges.size()) / 2);
    dfa.AddEdges(static_cast<int>(i), std::move(edges), place.compilation);
  }
  return dfa;
}

Dfa Dfa::OfLength(int min, int max, const Place& place) {
  const int last = max == kUnbounded ? min : max;
  if (last >= kMaxStates) TooLarge(place);
  place.compilation.Spend(last);
  Dfa dfa;
  dfa.states_.resize(static_cast<size_t>(last) + 1);
  for (int i = 0; i <= last; ++i) {
    dfa.states_[i].accepting = i >= min;
    if (i < last || max == kUnbounded) dfa.states_[i].edges = {{0, CharSet::kMaxChar, std::min(i + 1, last)}};
  }
  return dfa;
}

Dfa Dfa::OfTexts(const std::vector<std::string>& texts) {
  Dfa dfa;
  for (const std::string& text : texts) {
    int at = 0;
    for (const uint32_t c : text::CodePoints(text)) {
      auto& edges = dfa.states_[at].edges;
      auto edge = std::lower_bound(edges.begin(), edges.end(), c, [](const Edge& e, uint32_t x) { return e.lo < x; });
      if (edge == edges.end() || edge->lo != c) {
        const int to = static_cast<int>(dfa.states_.size());
        edges.insert(edge, {c, c, to});
        dfa.states_.emplace_back();
        at = to;
      } else {
        at = edge->to;
      }
    }
    dfa.states_[at].accepting = true;
  }
  return dfa;
}

Dfa Dfa::Intersect(const Dfa& other, const Place& place) const {
  std::map<std::pair<int, int>, int> ids{{{0, 0}, 0}};
  std::vector<std::pair<int, int>> pairs{{0, 0}};
  Dfa both;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const State &a = states_[pairs[i].first], &b = other.states_[pairs[i].second];
    both.states_[i].accepting = a.accepting && b.accepting;
    place.compilation.Spend(1 + static_cast<int64_t>(a.edges.size() + b.edges.size()));
    std::vector<Edge> edges;
    for (size_t x = 0, y = 0; x < a.edges.size() && y < b.edges.size();) {
      const Edge &ea = a.edges[x], &eb = b.edges[y];
      const uint32_t lo = std::max(ea.lo, eb.lo), hi = std::min(ea.hi, eb.hi);
      if (lo <= hi) {
        const auto [at, added] = ids.try_emplace({ea.to, eb.to}, static_cast<int>(pairs.size()));
        if (added) {
          if (pairs.size() >= kMaxStates) TooLarge(place);
          pairs.emplace_back(ea.to, eb.to);
          both.states_.emplace_back();
        }
        edges.push_back({lo, hi, at->second});
      }
      if (ea.hi < eb.hi)
        ++x;
      else
        ++y;
    }
    both.AddEdges(static_cast<int>(i), std::move(edges), place.compilation);
  }
  return both;
}

Dfa Dfa::Unite(const Dfa& other, const Place& place) const {
  return Complement().Intersect(other.Complement(), place).Complement();
}

Dfa Dfa::Complement() const {
  Dfa result = *this;
  const int rest = static_cast<int>(result.states_.size());
  result.states_.emplace_back();
  for (State& state : result.states_) {
    state.accepting = !state.accepting;
    std::vector<CharSet::Range> covered;
    for (const Edge& e : state.edges) covered.emplace_back(e.lo, e.hi);
    const CharSet gaps = CharSet(std::move(covered)).Complement();
    for (const auto& [lo, hi] : gaps.ranges()) state.edges.push_back({lo, hi, rest});
    std::sort(state.edges.begin(), state.edges.end(), [](const Edge& a, const Edge& b) { return a.lo < b.lo; });
  }
  return result;
}

std::vector<bool> Dfa::Useful() const {
  std::vector<std::vector<int>> sources(states_.size());
  std::vector<int> work;
  std::vector<bool> useful(states_.size());
  for (size_t i = 0; i < states_.size(); ++i) {
    for (const Edge& e : states_[i].edges) sources[e.to].push_back(static_cast<int>(i));
    if (states_[i].accepting) work.push_back(static_cast<int>(i));
  }
  while (!work.empty()) {
    const int s = work.back();
    work.pop_back();
    if (useful[s]) continue;
    useful[s] = true;
    work.insert(work.end(), sources[s].begin(), sources[s].end());
  }
  return useful;
}

bool Dfa::empty() const { return !Useful()[0]; }

bool Dfa::Matches(std::string_view text) const {
  int at = 0;
  for (const uint32_t c : text::CodePoints(text)) {
    const auto& edges = states_[at].edges;
    const auto edge = std::find_if(edges.begin(), edges.end(), [c](const Edge& e) { return e.lo <= c && c <= e.hi; });
    if (edge == edges.end()) return false;
    at = edge->to;
  }
  return states_[at].accepting;
}

// A rule for each state: one character, then the rule of the state it leads to.
NodeId Dfa::ToNode(CharEncoding encoding, GrammarBuilder& builder) const {
  const std::vector<bool> useful = Useful();
  if (!useful[0]) return builder.Choice({});
  std::vector<NodeId> rules(states_.size());
  for (size_t i = 0; i < states_.size(); ++i) {
    if (useful[i]) rules[i] = builder.DeclareRule();
  }
  std::map<std::vector<CharSet::Range>, NodeId> characters;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!useful[i]) continue;
    std::map<int, std::vector<CharSet::Range>> by_target;
    for (const Edge& e : states_[i].edges) {
      if (useful[e.to]) by_target[e.to].emplace_back(e.lo, e.hi);
    }
    std::vector<NodeId> branches;
    for (auto& [to, ranges] : by_target) {
      const auto [at, added] = characters.try_emplace(std::move(ranges), 0);
      if (added) at->second = CharNode(CharSet(at->first), encoding, builder);
      branches.push_back(builder.Sequence({at->second, rules[to]}));
    }
    if (states_[i].accepting) branches.push_back(builder.Empty());
    builder.DefineRule(rules[i], builder.Choice(std::move(branches)));
  }
  return rules[0];
}

}  // namespace puna::engine
