#include "engine/grammar/regex/dfa.h"

#include <algorithm>
#include <map>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

[[noreturn]] void TooLarge(const std::string& keyword, const std::string& path) {
  throw GrammarError(keyword, path,
                     "it needs too large an automaton; the limit is " + std::to_string(Dfa::kMaxStates) + " states");
}

// Thompson's construction, read in the other direction: each part gets the state behind it.
class Nfa {
 public:
  struct State {
    std::vector<int> skips;  // without a character
    CharSet chars;
    int to = -1;
  };
  static constexpr size_t kMaxNfaStates = 10'000;
  static constexpr size_t kMaxWork = 30'000'000;  // against expressions whose sets grow large

  Nfa(const std::string& keyword, const std::string& path) : keyword_(keyword), path_(path) {}

  int Add(State state) {
    if (states.size() >= kMaxNfaStates) TooLarge(keyword_, path_);
    states.push_back(std::move(state));
    return static_cast<int>(states.size()) - 1;
  }

  // The state from which `regex` leads to `end`.
  int Build(const Regex& regex, int end) {
    switch (regex.kind) {
      case Regex::Kind::kChars:
        return Add({.skips = {}, .chars = regex.chars, .to = end});
      case Regex::Kind::kChoice: {
        State choice;
        for (const Regex& child : regex.children) choice.skips.push_back(Build(child, end));
        return Add(std::move(choice));
      }
      case Regex::Kind::kRepeat:
        return BuildRepeat(regex, end);
      default:
        for (auto child = regex.children.rbegin(); child != regex.children.rend(); ++child) end = Build(*child, end);
        return end;
    }
  }

  std::vector<int> Closure(std::vector<int> work) {
    work_done_ += states.size() / 16;
    std::vector<bool> seen(states.size());
    std::vector<int> closed;
    while (!work.empty()) {
      const int s = work.back();
      work.pop_back();
      if (seen[s]) continue;
      seen[s] = true;
      if (++work_done_ > kMaxWork) TooLarge(keyword_, path_);
      if (states[s].skips.empty()) closed.push_back(s);
      for (const int next : states[s].skips) work.push_back(next);
    }
    std::sort(closed.begin(), closed.end());
    return closed;
  }

  std::vector<State> states;

 private:
  int BuildRepeat(const Regex& regex, int end) {
    const Regex& child = regex.children[0];
    if (regex.max == kUnbounded) {
      const int loop = Add({});
      const int body = Build(child, loop);
      states[loop].skips = {body, end};
      end = loop;
    } else {
      const int out = end;
      for (int i = regex.min; i < regex.max; ++i) {
        const int body = Build(child, end);
        end = Add({.skips = {body, out}, .chars = {}, .to = -1});
      }
    }
    for (int i = 0; i < regex.min; ++i) end = Build(child, end);
    return end;
  }

  const std::string &keyword_, &path_;
  size_t work_done_ = 0;
};

// The points where any of the ranges begins, or has just ended.
std::vector<uint32_t> Borders(const std::vector<CharSet::Range>& ranges) {
  std::vector<uint32_t> borders;
  for (const auto& [lo, hi] : ranges) {
    borders.push_back(lo);
    borders.push_back(hi + 1);
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  return borders;
}

}  // namespace

Dfa Dfa::FromRegex(const Regex& regex, const std::string& keyword, const std::string& path) {
  Nfa nfa(keyword, path);
  const int end = nfa.Add({});
  const int start = nfa.Build(regex, end);
  std::map<std::vector<int>, int> ids;
  std::vector<std::vector<int>> sets{nfa.Closure({start})};
  ids[sets[0]] = 0;
  Dfa dfa;
  for (size_t i = 0; i < sets.size(); ++i) {
    const std::vector<int> set = sets[i];
    dfa.states_[i].accepting = std::binary_search(set.begin(), set.end(), end);
    std::vector<CharSet::Range> ranges;
    for (const int s : set) {
      const auto& of_state = nfa.states[s].chars.ranges();
      ranges.insert(ranges.end(), of_state.begin(), of_state.end());
    }
    const std::vector<uint32_t> borders = Borders(ranges);
    for (size_t b = 0; b + 1 < borders.size(); ++b) {
      std::vector<int> targets;
      for (const int s : set) {
        if (nfa.states[s].chars.Contains(borders[b])) targets.push_back(nfa.states[s].to);
      }
      if (targets.empty()) continue;
      targets = nfa.Closure(std::move(targets));
      const auto [at, added] = ids.try_emplace(targets, static_cast<int>(sets.size()));
      if (added) {
        if (sets.size() >= kMaxStates) TooLarge(keyword, path);
        sets.push_back(targets);
        dfa.states_.emplace_back();
      }
      dfa.states_[i].edges.push_back({borders[b], borders[b + 1] - 1, at->second});
    }
  }
  return dfa;
}

Dfa Dfa::OfLength(int min, int max, const std::string& keyword, const std::string& path) {
  const int last = max == kUnbounded ? min : max;
  if (last >= kMaxStates) TooLarge(keyword, path);
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

Dfa Dfa::Intersect(const Dfa& other, const std::string& keyword, const std::string& path) const {
  std::map<std::pair<int, int>, int> ids{{{0, 0}, 0}};
  std::vector<std::pair<int, int>> pairs{{0, 0}};
  Dfa both;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const State &a = states_[pairs[i].first], &b = other.states_[pairs[i].second];
    both.states_[i].accepting = a.accepting && b.accepting;
    for (size_t x = 0, y = 0; x < a.edges.size() && y < b.edges.size();) {
      const Edge &ea = a.edges[x], &eb = b.edges[y];
      const uint32_t lo = std::max(ea.lo, eb.lo), hi = std::min(ea.hi, eb.hi);
      if (lo <= hi) {
        const auto [at, added] = ids.try_emplace({ea.to, eb.to}, static_cast<int>(pairs.size()));
        if (added) {
          if (pairs.size() >= kMaxStates) TooLarge(keyword, path);
          pairs.emplace_back(ea.to, eb.to);
          both.states_.emplace_back();
        }
        both.states_[i].edges.push_back({lo, hi, at->second});
      }
      if (ea.hi < eb.hi)
        ++x;
      else
        ++y;
    }
  }
  return both;
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
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!useful[i]) continue;
    std::map<int, std::vector<CharSet::Range>> by_target;
    for (const Edge& e : states_[i].edges) {
      if (useful[e.to]) by_target[e.to].emplace_back(e.lo, e.hi);
    }
    std::vector<NodeId> branches;
    for (auto& [to, ranges] : by_target)
      branches.push_back(builder.Sequence({CharNode(CharSet(std::move(ranges)), encoding, builder), rules[to]}));
    if (states_[i].accepting) branches.push_back(builder.Empty());
    builder.DefineRule(rules[i], builder.Choice(std::move(branches)));
  }
  return rules[0];
}

}  // namespace puna::engine
