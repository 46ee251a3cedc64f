// The idea. A grammar is run without building an automaton for it, which for recursive rules would be infinite. What is
// still to come is a stack of things to be read: the top is what comes next, below it is what comes after. A sequence
// on top is replaced by its first child with the rest of the sequence below, a repetition by its child with the
// repetition counted on below (and, once it has its minimum, by nothing at all), a choice by each of its children: then
// there is more than one stack. That is done until every top is a set of bytes (Close); reading a byte keeps the stacks
// whose top has it and takes it off (Step). The text may end when one of the stacks is empty. Nothing is ever taken
// back, and the text so far is not looked at again.
//
// What keeps it small: a stack is a linked list of cells from the top down, and equal cells are one cell (hash-
// consing). Stacks that differ at the top only share the rest, two ways that come to the same stack become one, and
// "have I been here" is a comparison of two numbers: so a choice between a hundred properties costs a hundred cells,
// not a hundred stacks, and a rule that refers to itself without reading anything comes to a cell that this round has
// seen and ends.
#include "engine/grammar/automata/stack_set.h"

#include <algorithm>

namespace puna::engine {

using Kind = GrammarNode::Kind;

size_t StackArena::CellHash::operator()(const Cell& c) const {
  uint64_t h = static_cast<uint32_t>(c.parent) * 0x9E3779B97F4A7C15u;
  h = (h ^ (h >> 29) ^ static_cast<uint32_t>(c.node)) * 0xBF58476D1CE4E5B9u;
  h = (h ^ (h >> 32) ^ static_cast<uint32_t>(c.count)) * 0x94D049BB133111EBu;
  return h ^ (h >> 31);
}

StackArena::StackArena(const Grammar& grammar) : grammar_(grammar) {
  cells_ = {{-1, -1, 0}, {-1, -1, 0}};  // kEmptyStack, kFarStack
  seen_.resize(2);
}

StackId StackArena::Push(StackId parent, NodeId node, int count) {
  const Cell cell{parent, node, count};
  const auto [at, added] = ids_.try_emplace(cell, static_cast<StackId>(cells_.size()));
  if (added) {
    cells_.push_back(cell);
    seen_.push_back(0);
  }
  return at->second;
}

void StackArena::Visit(StackId id) {
  if (seen_[id] == round_) return;
  seen_[id] = round_;
  work_.push_back(id);
}

// Replaces the stack by those that its top stands for.
void StackArena::ExpandTop(StackId id) {
  const Cell cell = cells_[id];
  const GrammarNode& node = grammar_.node(cell.node);
  switch (node.kind) {
    case Kind::kSequence: {
      if (node.children.empty()) return Visit(cell.parent);
      const int next = cell.count + 1;
      const bool last = next == static_cast<int>(node.children.size());
      const StackId rest = last ? cell.parent : Push(cell.parent, cell.node, next);
      return Visit(Push(rest, node.children[cell.count], 0));
    }
    case Kind::kRepeat: {
      if (cell.count >= node.min) Visit(cell.parent);
      const int next = node.max == kUnbounded ? std::min(cell.count + 1, node.min) : cell.count + 1;
      const StackId rest = next == node.max ? cell.parent : Push(cell.parent, cell.node, next);
      return Visit(Push(rest, node.children[0], 0));
    }
    default:
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
        Visit(Push(cell.parent, *child, 0));
  }
}

StackSet StackArena::Close() {
  StackSet state;
  while (!work_.empty()) {
    const StackId id = work_.back();
    work_.pop_back();
    if (id == kEmptyStack) {
      state.accepting = true;
    } else if (id == kFarStack || state.stacks.size() >= kMaxStacks) {
      continue;
    } else if (grammar_.node(cells_[id].node).kind == Kind::kBytes) {
      state.stacks.push_back(id);
    } else {
      ExpandTop(id);
    }
  }
  std::sort(state.stacks.begin(), state.stacks.end());
  return state;
}

StackSet StackArena::Start() {
  ++round_;
  Visit(Push(kEmptyStack, grammar_.root(), 0));
  return Close();
}

StackSet StackArena::Step(const StackSet& state, uint8_t byte) {
  ++round_;
  for (const StackId id : state.stacks) {
    if (grammar_.node(cells_[id].node).bytes[byte]) Visit(cells_[id].parent);
  }
  return Close();
}

ByteSet StackArena::NextBytes(const StackSet& state) const {
  ByteSet bytes;
  for (const StackId id : state.stacks) bytes |= grammar_.node(cells_[id].node).bytes;
  return bytes;
}

}  // namespace puna::engine
