#include "engine/grammar/regex/condition_automaton.h"

#include <algorithm>

namespace puna::engine {
namespace {

using Kind = Regex::Kind;

}  // namespace

ConditionAutomaton::ConditionAutomaton(const Regex& regex, const Place& place) : place_(place) {
  AddNode({});  // kAnything
  AddNode({});  // kStop
  Intern({Thread{kAnything}});
  Intern({});
  first_ = Build(regex, kStop);
  const int any = AddNode({.kind = Node::Kind::kChars, .next = {kAnything}, .chars = Chars(CharSet::All())});
  a_char_ = Intern({Thread{any}});
  if (word_ >= 0)
    a_word_ = Intern({Thread{AddNode({.kind = Node::Kind::kChars, .next = {kAnything}, .chars = word_})}});
  DivideChars();
}

int ConditionAutomaton::AddNode(Node node) {
  place_.compilation.Spend(4);
  if (nodes_.size() >= kMaxNodes) place_.Fail("it needs too large an automaton");
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

int ConditionAutomaton::Chars(const CharSet& chars) {
  const auto known = std::find_if(char_sets_.begin(), char_sets_.end(),
                                  [&](const CharSet& set) { return set.ranges() == chars.ranges(); });
  const auto number = static_cast<int>(known - char_sets_.begin());
  if (known == char_sets_.end()) char_sets_.push_back(chars);
  return number;
}

// The node from which `regex` leads to `next`.
int ConditionAutomaton::Build(const Regex& regex, int next) {
  using NodeKind = Node::Kind;
  switch (regex.kind) {
    case Kind::kChars:
      return AddNode({.kind = NodeKind::kChars, .next = {next}, .chars = Chars(regex.chars)});
    case Kind::kBegin:
      return AddNode({.kind = NodeKind::kBegin, .next = {next}});
    case Kind::kEnd:
      return AddNode({.kind = NodeKind::kEnd, .next = {next}});
    case Kind::kWordEdge:
      word_ = Chars(CharSet::Word());
      return AddNode({.kind = NodeKind::kEdge, .next = {next}, .negated = regex.negated});
    case Kind::kLook:
      return BuildLook(regex, next);
    case Kind::kRepeat:
      return BuildRepeat(regex, next);
    case Kind::kChoice: {
      Node choice;
      for (const Regex& child : regex.children) choice.next.push_back(Build(child, next));
      return AddNode(std::move(choice));
    }
    default:
      for (auto child = regex.children.rbegin(); child != regex.children.rend(); ++child) next = Build(*child, next);
      return next;
  }
}

int ConditionAutomaton::BuildRepeat(const Regex& regex, int next) {
  const Regex& child = regex.children[0];
  if (regex.max == kUnbounded) {
    const int loop = AddNode({});
    const int body = Build(child, loop);
    nodes_[loop].next = {body, next};
    next = loop;
  } else {
    const int out = next;
    for (int i = regex.min; i < regex.max; ++i) {
      const int body = Build(child, next);
      next = AddNode({.next = {body, out}});
    }
  }
  for (int i = 0; i < regex.min; ++i) next = Build(child, next);
  return next;
}

int ConditionAutomaton::BuildLook(const Regex& regex, int next) {
  Node look{.kind = Node::Kind::kLook, .next = {next}, .negated = regex.negated, .behind = regex.behind};
  if (regex.behind) {
    // Begins anywhere before, and ends here.
    const int loop = AddNode({});
    const int body = Build(regex.children[0], kStop);
    const int any = AddNode({.kind = Node::Kind::kChars, .next = {loop}, .chars = Chars(CharSet::All())});
    nodes_[loop].next = {body, any};
    look.look = static_cast<int>(behind_first_.size());
    behind_first_.push_back(loop);
  } else {
    look.look = Build(regex.children[0], kAnything);
  }
  return AddNode(std::move(look));
}

// Characters are of one class when they are in the same sets.
void ConditionAutomaton::DivideChars() {
  std::vector<std::pair<uint32_t, int>> borders{{0, -1}};  // where a set begins or has just ended
  for (size_t set = 0; set < char_sets_.size(); ++set) {
    for (const auto& [lo, hi] : char_sets_[set].ranges()) {
      borders.emplace_back(lo, static_cast<int>(set));
      borders.emplace_back(hi + 1, static_cast<int>(set));
    }
  }
  const int any = Chars(CharSet::All());  // surrogates are none of them
  std::sort(borders.begin(), borders.end());
  place_.compilation.Spend(static_cast<int64_t>(borders.size() * (1 + char_sets_.size() / 16)));
  std::map<std::vector<bool>, size_t> numbers;
  std::vector<bool> in(char_sets_.size());
  for (size_t i = 0; i < borders.size(); ++i) {
    if (borders[i].second >= 0) in[static_cast<size_t>(borders[i].second)].flip();
    const uint32_t from = borders[i].first, to = i + 1 < borders.size() ? borders[i + 1].first : CharSet::kMaxChar + 1;
    if (from == to || !in[static_cast<size_t>(any)]) continue;
    const auto [at, added] = numbers.try_emplace(in, classes_.size());
    if (added) {
      classes_.emplace_back();
      in_set_.push_back(in);
    }
    classes_[at->second].emplace_back(from, to - 1);
  }
}

int ConditionAutomaton::Intern(Configuration configuration) {
  const auto [at, added] = numbers_.try_emplace(std::move(configuration), static_cast<int>(configurations_.size()));
  if (!added) return at->second;
  size_t bytes = sizeof *at + sizeof(Configuration*);
  for (const Thread& thread : at->first) bytes += sizeof thread + thread.obligations.capacity() * sizeof(Obligation);
  place_.compilation.Hold(bytes);
  configurations_.push_back(&at->first);
  return at->second;
}

// Passes the condition with what it costs, or does not.
void ConditionAutomaton::AddCondition(const Node& node, Thread thread, const Context& context,
                                      std::vector<Thread>& work) {
  const auto go_on = [&] {
    std::sort(thread.obligations.begin(), thread.obligations.end());
    thread.obligations.erase(std::unique(thread.obligations.begin(), thread.obligations.end()),
                             thread.obligations.end());
    thread.node = node.next[0];
    work.push_back(std::move(thread));
  };
  const auto owe = [&](int configuration, bool negated) {
    if (configuration == (negated ? kTrue : kFalse)) return;
    if (configuration != (negated ? kFalse : kTrue)) thread.obligations.push_back({configuration, negated});
    go_on();
  };
  switch (node.kind) {
    case Node::Kind::kBegin:
      return context.at_start ? go_on() : void();
    case Node::Kind::kEnd:
      return owe(a_char_, true);
    case Node::Kind::kEdge:
      return owe(a_word_, context.after_word != node.negated);
    default:
      if (node.behind) return context.behind[static_cast<size_t>(node.look)] != node.negated ? go_on() : void();
      return owe(Close({Thread{node.look}}, context), node.negated);
  }
}

// The configuration of all threads that can be reached without a character.
int ConditionAutomaton::Close(std::vector<Thread> work, const Context& context) {
  Configuration reached;
  std::map<Thread, bool> seen;
  while (!work.empty()) {
    Thread thread = std::move(work.back());
    work.pop_back();
    place_.compilation.Spend(2 + static_cast<int64_t>(thread.obligations.size()));
    if (!seen.try_emplace(thread, true).second) continue;
    const Node& node = nodes_[thread.node];
    if (thread.node == kAnything && thread.obligations.empty()) return kTrue;
    if (thread.node == kAnything || thread.node == kStop || node.kind == Node::Kind::kChars) {
      reached.push_back(std::move(thread));
    } else if (node.kind == Node::Kind::kSkip) {
      for (const int next : node.next) work.push_back({next, thread.obligations});
    } else {
      AddCondition(node, std::move(thread), context, work);
    }
  }
  std::sort(reached.begin(), reached.end());
  // Who owes nothing makes the debtors at the same place superfluous; it comes first among them.
  Configuration lean;
  for (Thread& thread : reached) {
    const bool covered = !lean.empty() && lean.back().node == thread.node && lean.back().obligations.empty();
    if (!covered) lean.push_back(std::move(thread));
  }
  return Intern(std::move(lean));
}

// False: one of them can no longer be met.
bool ConditionAutomaton::StepObligations(const std::vector<Obligation>& owed, size_t char_class, const Context& context,
                                         std::vector<Obligation>& left) {
  for (const Obligation& one : owed) {
    const int next = StepConfiguration(one.configuration, char_class, context);
    if (next == (one.negated ? kTrue : kFalse)) return false;
    if (next != (one.negated ? kFalse : kTrue)) left.push_back({next, one.negated});
  }
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  return true;
}

int ConditionAutomaton::StepConfiguration(int configuration, size_t char_class, const Context& context) {
  std::vector<Thread> work;
  for (const Thread& thread : *configurations_[configuration]) {
    const Node& node = nodes_[thread.node];
    const bool stays = thread.node == kAnything;
    place_.compilation.Spend(1);
    if (!stays && (thread.node == kStop || !in_set_[char_class][static_cast<size_t>(node.chars)])) continue;
    Thread next{stays ? kAnything : node.next[0]};
    if (StepObligations(thread.obligations, char_class, context, next.obligations)) work.push_back(std::move(next));
  }
  return Close(std::move(work), context);
}

bool ConditionAutomaton::AcceptsAtEnd(int configuration) const {
  const auto met = [&](const Obligation& one) { return AcceptsAtEnd(one.configuration) != one.negated; };
  const Configuration& threads = *configurations_[configuration];
  return std::any_of(threads.begin(), threads.end(), [&](const Thread& thread) {
    return (thread.node == kAnything || thread.node == kStop) &&
           std::all_of(thread.obligations.begin(), thread.obligations.end(), met);
  });
}

ConditionAutomaton::State ConditionAutomaton::Start() {
  Context context{true, false, {}};
  State state(1);
  for (const int first : behind_first_) {
    state.push_back(Close({Thread{first}}, context));
    context.behind.push_back(AcceptsAtEnd(state.back()));
  }
  state[0] = Close({Thread{first_}}, context);
  return state;
}

ConditionAutomaton::State ConditionAutomaton::Step(const State& state, size_t char_class) {
  Context context{false, word_ >= 0 && in_set_[char_class][static_cast<size_t>(word_)], {}};
  State next(1);
  for (size_t i = 1; i < state.size(); ++i) {
    next.push_back(StepConfiguration(state[i], char_class, context));
    context.behind.push_back(AcceptsAtEnd(next.back()));
  }
  next[0] = StepConfiguration(state[0], char_class, context);
  if (IsDead(next)) next.assign(next.size(), kFalse);
  return next;
}

}  // namespace puna::engine
