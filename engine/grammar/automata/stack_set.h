// Runs a Grammar over bytes: the state is the set of all stacks of what is still to come, as in GLR
// parsing, with stacks that share their tails (Tomita's graph-structured stack; cells are
// hash-consed, so that equal stacks have equal ids).
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

using StackId = int32_t;
inline constexpr StackId kEmptyStack = 0;
inline constexpr StackId kFarStack = 1;  // what lies deeper than anybody will look

// `stacks` have a kBytes node on top; sorted. No stacks and not accepting: the text is wrong.
struct StackSet {
  std::vector<StackId> stacks;
  bool accepting = false;
  bool dead() const { return stacks.empty() && !accepting; }
  bool operator==(const StackSet&) const = default;
};

// The cells of one walk. Not thread-safe.
class StackArena {
 public:
  // More stacks than this are dropped, the later ones first: what stays is still right, because
  // every stack by itself is a way to go on. Grammars this ambiguous are hostile.
  static constexpr size_t kMaxStacks = 1024;

  struct Cell {
    StackId parent;
    NodeId node;
    int count;  // kSequence: the next child; kRepeat: how many are behind or begun
  };

  explicit StackArena(const Grammar& grammar);

  StackSet Start();
  // The state behind one more byte.
  StackSet Step(const StackSet& state, uint8_t byte);
  // The bytes that may come next.
  ByteSet NextBytes(const StackSet& state) const;

  const Grammar& grammar() const { return grammar_; }
  const Cell& cell(StackId id) const { return cells_[id]; }
  StackId Push(StackId parent, NodeId node, int count);
  size_t size() const { return cells_.size(); }

 private:
  struct CellHash {
    size_t operator()(const Cell& c) const;
  };
  struct CellEqual {
    bool operator()(const Cell& a, const Cell& b) const {
      return a.parent == b.parent && a.node == b.node && a.count == b.count;
    }
  };

  void Visit(StackId id);
  void ExpandTop(StackId id);
  StackSet Close();

  const Grammar& grammar_;
  std::vector<Cell> cells_;
  std::vector<uint32_t> seen_;  // by cell: the last closure that visited it
  std::unordered_map<Cell, StackId, CellHash, CellEqual> ids_;
  std::vector<StackId> work_;
  uint32_t round_ = 0;
};

}  // namespace puna::engine
