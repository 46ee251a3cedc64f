// A regular expression with conditions (anchors, word edges, look-around), run over characters.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "engine/grammar/regex/regex.h"

namespace puna::engine {

// Thompson's construction, each part built towards the state behind it, with conditions as Boolean automata have them
// (Chandra, Kozen and Stockmeyer, "Alternation", 1981): a thread stands at a state and owes obligations, which are
// configurations of the look-aheads it has passed and must (or must not) come true in what follows. Look-behinds run
// beside the whole from the beginning of the text on. Equal configurations have equal numbers, so that a DFA's states
// can be told apart.
class ConditionAutomaton {
 public:
  // Throws GrammarError when it is too large.
  ConditionAutomaton(const Regex& regex, const Place& place);

  // What has been read so far: the configuration of the whole, then those of the look-behinds.
  using State = std::vector<int>;
  State Start();
  // Behind a character of this class.
  State Step(const State& state, size_t char_class);
  bool Accepts(const State& state) const { return AcceptsAtEnd(state[0]); }
  bool IsDead(const State& state) const { return configurations_[state[0]]->empty(); }

  // The characters that the expression does not tell apart, as ranges by class.
  const std::vector<std::vector<CharSet::Range>>& char_classes() const { return classes_; }

 private:
  struct Node {
    enum class Kind { kSkip, kChars, kBegin, kEnd, kEdge, kLook };
    Kind kind = Kind::kSkip;
    std::vector<int> next = {};
    int chars = -1;  // in char_sets_
    int look = -1;   // of a look-ahead: its first node; of a look-behind: its number
    bool negated = false, behind = false;
  };
  struct Obligation {
    int configuration;
    bool negated;
    auto operator<=>(const Obligation&) const = default;
  };
  struct Thread {
    int node;
    std::vector<Obligation> obligations = {};  // sorted
    auto operator<=>(const Thread&) const = default;
  };
  using Configuration = std::vector<Thread>;  // sorted; one of the threads must get through
  // What is known of the text before a place.
  struct Context {
    bool at_start, after_word;
    std::vector<bool> behind;  // by look-behind: whether it matches up to here
  };
  static constexpr size_t kMaxNodes = 20'000;
  static constexpr int kTrue = 0, kFalse = 1;     // configurations: any text, no text
  static constexpr int kAnything = 0, kStop = 1;  // nodes: whatever follows; nothing follows

  int AddNode(Node node);
  int Build(const Regex& regex, int next);
  int BuildRepeat(const Regex& regex, int next);
  int BuildLook(const Regex& regex, int next);
  int Chars(const CharSet& chars);
  void DivideChars();
  void AddCondition(const Node& node, Thread thread, const Context& context, std::vector<Thread>& work);
  int Close(std::vector<Thread> work, const Context& context);
  int Intern(Configuration configuration);
  int StepConfiguration(int configuration, size_t char_class, const Context& context);
  bool StepObligations(const std::vector<Obligation>& owed, size_t char_class, const Context& context,
                       std::vector<Obligation>& left);
  bool AcceptsAtEnd(int configuration) const;

  const Place& place_;
  std::vector<Node> nodes_;
  std::vector<CharSet> char_sets_;
  std::vector<std::vector<bool>> in_set_;  // by class, then set
  std::vector<std::vector<CharSet::Range>> classes_;
  int word_ = -1;  // in char_sets_, when there are edges
  int first_ = 0;
  std::vector<int> behind_first_;  // first nodes of the look-behinds
  int a_char_ = -1, a_word_ = -1;  // configurations: at least one character (of a word) follows
  std::map<Configuration, int> numbers_;
  std::vector<const Configuration*> configurations_;
};

}  // namespace puna::engine
