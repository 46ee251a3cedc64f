#include "engine/grammar/automata/grammar.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "engine/base/check.h"
#include "engine/grammar/automata/grammar_error.h"

namespace puna::engine {
namespace {

using Kind = GrammarNode::Kind;

// kUnbounded means that there is no text at all; a text may be long, but is not that.
int AddLengths(int a, int b) {
  if (a == kUnbounded || b == kUnbounded) return kUnbounded;
  return static_cast<int>(std::min<int64_t>(int64_t{a} + b, kUnbounded - 1));
}

int TimesLength(int a, int times) {
  if (a == kUnbounded) return kUnbounded;
  return static_cast<int>(std::min<int64_t>(int64_t{a} * times, kUnbounded - 1));
}

}  // namespace

NodeId GrammarBuilder::Add(GrammarNode node) {
  compilation_.Spend(2);
  if (grammar_.size() >= kMaxNodes)
    throw CompilationLimit("grammar", "#", "it is too large; the limit is " + std::to_string(kMaxNodes) + " nodes");
  compilation_.Hold(sizeof node + node.children.capacity() * sizeof(NodeId));
  grammar_.nodes_.push_back(std::move(node));
  return grammar_.size() - 1;
}

NodeId GrammarBuilder::Bytes(const ByteSet& bytes) {
  const auto [at, added] = byte_nodes_.try_emplace(bytes.to_string(), 0);
  if (added) {
    compilation_.Hold(sizeof *at + at->first.capacity());
    at->second = Add({.kind = Kind::kBytes, .children = {}, .bytes = bytes});
  }
  return at->second;
}

NodeId GrammarBuilder::Range(uint8_t lo, uint8_t hi) {
  ByteSet bytes;
  for (int b = lo; b <= hi; ++b) bytes.set(b);
  return Bytes(bytes);
}

NodeId GrammarBuilder::Literal(std::string_view text) {
  std::vector<NodeId> children;
  for (const char c : text) children.push_back(Range(static_cast<uint8_t>(c), static_cast<uint8_t>(c)));
  return Sequence(std::move(children));
}

NodeId GrammarBuilder::Literals(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  // One level of the trie: texts[first, last) share their first `depth` bytes.
  const auto build = [&](auto&& self, size_t first, size_t last, size_t depth) -> NodeId {
    size_t shared = depth;
    const std::string &low = texts[first], &high = texts[last - 1];
    while (shared < low.size() && shared < high.size() && low[shared] == high[shared]) ++shared;
    const std::string head = low.substr(depth, shared - depth);
    if (last - first == 1) return Literal(head);
    std::vector<NodeId> branches;
    if (low.size() == shared) {
      branches.push_back(Empty());
      ++first;
    }
    while (first < last) {
      size_t next = first;
      while (next < last && texts[next][shared] == texts[first][shared]) ++next;
      branches.push_back(self(self, first, next, shared));
      first = next;
    }
    return Sequence({Literal(head), Choice(std::move(branches))});
  };
  if (texts.empty()) return Choice({});
  return build(build, 0, texts.size(), 0);
}

NodeId GrammarBuilder::Sequence(std::vector<NodeId> children) {
  if (children.size() == 1) return children[0];
  return Add({.kind = Kind::kSequence, .children = std::move(children), .bytes = {}});
}

NodeId GrammarBuilder::Choice(std::vector<NodeId> children) {
  if (children.size() == 1) return children[0];
  return Add({.kind = Kind::kChoice, .children = std::move(children), .bytes = {}});
}

NodeId GrammarBuilder::Repeat(NodeId child, int min, int max) {
  PUNA_CHECK(min >= 0 && min <= max) << min << " to " << max;
  if (max == 0) return Empty();
  if (min == 1 && max == 1) return child;
  return Add({.kind = Kind::kRepeat, .min = min, .max = max, .children = {child}, .bytes = {}});
}

NodeId GrammarBuilder::DeclareRule() { return Add({.kind = Kind::kRule, .children = {}, .bytes = {}}); }

void GrammarBuilder::DefineRule(NodeId rule, NodeId body) {
  PUNA_CHECK(grammar_.nodes_[rule].kind == Kind::kRule && grammar_.nodes_[rule].children.empty());
  grammar_.nodes_[rule].children = {body};
}

void GrammarBuilder::CloseRules() {
  const NodeId nothing = Choice({});
  for (GrammarNode& node : grammar_.nodes_) {
    if (node.kind == Kind::kRule && node.children.empty()) node.children = {nothing};
  }
}

void GrammarBuilder::MarkJsonChar(NodeId json_char, NodeId json_ascii) {
  grammar_.json_char_ = json_char;
  grammar_.json_ascii_ = json_ascii;
}

// The least fixed point, from above: lengths only ever shrink, and whoever depends on one that did is
// looked at again.
void GrammarBuilder::ComputeMinBytes() {
  auto& nodes = grammar_.nodes_;
  std::vector<std::vector<NodeId>> parents(nodes.size());
  std::deque<NodeId> queue;
  for (NodeId id = 0; id < grammar_.size(); ++id) {
    for (const NodeId child : nodes[id].children) parents[child].push_back(id);
    nodes[id].min_bytes = kUnbounded;
    queue.push_back(id);
  }
  std::vector<bool> queued(nodes.size(), true);
  while (!queue.empty()) {
    const NodeId id = queue.front();
    queue.pop_front();
    queued[id] = false;
    const int now = MinBytesOf(nodes[id]);
    if (now >= nodes[id].min_bytes) continue;
    nodes[id].min_bytes = now;
    for (const NodeId parent : parents[id]) {
      if (!queued[parent]) queue.push_back(parent);
      queued[parent] = true;
    }
  }
}

int GrammarBuilder::MinBytesOf(const GrammarNode& node) const {
  if (node.kind == Kind::kBytes) return node.bytes.any() ? 1 : kUnbounded;
  const bool sequence = node.kind == Kind::kSequence;
  int shortest = sequence ? 0 : kUnbounded;
  for (const NodeId child : node.children) {
    const int of_child = grammar_.nodes_[child].min_bytes;
    shortest = sequence ? AddLengths(shortest, of_child) : std::min(shortest, of_child);
  }
  if (node.kind != Kind::kRepeat) return shortest;
  return node.min == 0 ? 0 : TimesLength(shortest, node.min);
}

int GrammarBuilder::MinBytes(NodeId id) {
  compilation_.Spend(grammar_.size());
  ComputeMinBytes();
  return grammar_.nodes_[id].min_bytes;
}

void GrammarBuilder::DropUnproductive() {
  auto& nodes = grammar_.nodes_;
  for (GrammarNode& node : nodes) {
    if (node.kind == Kind::kChoice)
      std::erase_if(node.children, [&](NodeId c) { return nodes[c].min_bytes == kUnbounded; });
    if (node.kind == Kind::kRepeat && nodes[node.children[0]].min_bytes == kUnbounded && node.min == 0)
      node = {.kind = Kind::kSequence, .children = {}, .bytes = {}};
  }
}

// A node for the same texts except the empty one.
NodeId GrammarBuilder::WithoutEmpty(NodeId id, int depth) {
  if (depth > 500) throw GrammarError("grammar", "#", "it is nested too deeply");
  if (grammar_.nodes_[id].min_bytes > 0) return id;
  const auto known = without_empty_.find(id);
  if (known != without_empty_.end()) return known->second;
  const NodeId rule = DeclareRule();
  without_empty_[id] = rule;
  const GrammarNode node = grammar_.nodes_[id];
  std::vector<NodeId> branches;
  if (node.kind == Kind::kSequence) {
    // The first child that is not empty stands at i; those before it are.
    for (size_t i = 0; i < node.children.size(); ++i) {
      std::vector<NodeId> rest{WithoutEmpty(node.children[i], depth + 1)};
      rest.insert(rest.end(), node.children.begin() + static_cast<std::ptrdiff_t>(i) + 1, node.children.end());
      branches.push_back(Sequence(std::move(rest)));
    }
  } else if (node.kind == Kind::kRepeat) {
    const NodeId child = WithoutEmpty(node.children[0], depth + 1);
    branches.push_back(
        Repeat(child, std::max(1, grammar_.nodes_[node.children[0]].min_bytes == 0 ? 1 : node.min), node.max));
  } else {
    for (const NodeId child : node.children) branches.push_back(WithoutEmpty(child, depth + 1));
  }
  DefineRule(rule, Choice(std::move(branches)));
  return rule;
}

void GrammarBuilder::RemoveEmptyRepeats() {
  const int count = grammar_.size();
  for (NodeId id = 0; id < count; ++id) {
    if (grammar_.nodes_[id].kind != Kind::kRepeat) continue;
    const NodeId child = grammar_.nodes_[id].children[0];
    if (grammar_.nodes_[child].min_bytes > 0) continue;
    const NodeId solid = WithoutEmpty(child, 0);
    grammar_.nodes_[id].children[0] = solid;
    grammar_.nodes_[id].min = 0;  // what may be empty may be left out
  }
}

// Nodes that lead back to themselves before a byte has been read, found by depth-first search.
void GrammarBuilder::CheckLeftRecursion(const std::string& what, const std::string& path) const {
  const auto& nodes = grammar_.nodes_;
  std::vector<uint8_t> color(nodes.size(), 0);
  std::vector<std::pair<NodeId, size_t>> trail;
  for (NodeId start = 0; start < grammar_.size(); ++start) {
    if (color[start] != 0) continue;
    trail.emplace_back(start, 0);
    color[start] = 1;
    while (!trail.empty()) {
      auto& [id, next] = trail.back();
      const GrammarNode& node = nodes[id];
      const bool blocked = node.kind == Kind::kSequence && next > 0 && nodes[node.children[next - 1]].min_bytes > 0;
      if (next == node.children.size() || blocked) {
        color[id] = 2;
        trail.pop_back();
        continue;
      }
      const NodeId child = node.children[next++];
      if (color[child] == 1)
        throw GrammarError(what, path, "it refers to itself before anything has been read (left recursion)");
      if (color[child] == 0) {
        color[child] = 1;
        trail.emplace_back(child, 0);
      }
    }
  }
}

Grammar GrammarBuilder::Finish(NodeId root, const std::string& what, const std::string& path) && {
  for (const GrammarNode& node : grammar_.nodes_) PUNA_CHECK(node.kind != Kind::kRule || node.children.size() == 1);
  ComputeMinBytes();
  if (grammar_.nodes_[root].min_bytes == kUnbounded) throw GrammarError(what, path, "nothing can satisfy it");
  DropUnproductive();
  RemoveEmptyRepeats();
  ComputeMinBytes();
  DropUnproductive();
  CheckLeftRecursion(what, path);
  static std::atomic<uint64_t> next_id{1};
  grammar_.root_ = root;
  grammar_.id_ = next_id++;
  return std::move(grammar_);
}

}  // namespace puna::engine
