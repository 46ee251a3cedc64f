// A context-free grammar over bytes: a graph of nodes, fixed once it is built.
#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/automata/compilation.h"

namespace puna::engine {

using NodeId = int32_t;
using ByteSet = std::bitset<256>;

inline constexpr int kUnbounded = std::numeric_limits<int>::max();

struct GrammarNode {
  enum class Kind : uint8_t {
    kBytes,     // one byte out of `bytes`
    kSequence,  // all children, one after the other; none: the empty text
    kChoice,    // one of the children; none: nothing at all matches
    kRepeat,    // the only child, min to max times; it never matches the empty text
    kRule,      // the only child, which may lead back here
  };
  Kind kind;
  int min = 0, max = 0;
  int min_bytes = 0;  // length of the shortest text, at most kUnbounded; kUnbounded: there is none
  std::vector<NodeId> children;
  ByteSet bytes;
};

// Every node that can be reached from the root matches some text, and none leads back to itself
// before a byte: what has begun can always be finished, and a step always ends.
class Grammar {
 public:
  const GrammarNode& node(NodeId id) const { return nodes_[id]; }
  NodeId root() const { return root_; }
  int size() const { return static_cast<int>(nodes_.size()); }
  // The character of a JSON string in full (any that needs no escape, or any escape), and its first
  // alternative, the ASCII ones without escape; -1: this grammar has none.
  NodeId json_char() const { return json_char_; }
  NodeId json_ascii() const { return json_ascii_; }
  uint64_t id() const { return id_; }  // of all grammars of this process

 private:
  friend class GrammarBuilder;
  std::vector<GrammarNode> nodes_;
  NodeId root_ = 0, json_char_ = -1, json_ascii_ = -1;
  uint64_t id_ = 0;
};

class GrammarBuilder {
 public:
  static constexpr int kMaxNodes = 400'000;

  // `compilation` pays for what is built, and must outlive the builder.
  explicit GrammarBuilder(Compilation& compilation) : compilation_(compilation) {}
  Compilation& compilation() { return compilation_; }

  // All throw GrammarError when the grammar has become too large.
  NodeId Empty() { return Sequence({}); }
  NodeId Bytes(const ByteSet& bytes);
  NodeId Range(uint8_t lo, uint8_t hi);
  NodeId Literal(std::string_view text);
  // One of the texts; what begins alike is shared.
  NodeId Literals(std::vector<std::string> texts);
  NodeId Sequence(std::vector<NodeId> children);
  NodeId Choice(std::vector<NodeId> children);
  NodeId Optional(NodeId child) { return Choice({child, Empty()}); }
  NodeId Repeat(NodeId child, int min, int max);
  // A rule whose body is set later, so that it can speak of itself.
  NodeId DeclareRule();
  void DefineRule(NodeId rule, NodeId body);
  // Gives every rule that has been left without a body one that matches nothing: what declared them was given up.
  void CloseRules();
  void MarkJsonChar(NodeId json_char, NodeId json_ascii);
  const GrammarNode& node(NodeId id) const { return grammar_.nodes_[id]; }
  // The length of a node's shortest text, with all its rules defined; kUnbounded: there is none.
  int MinBytes(NodeId id);

  // Removes what can match nothing and refuses what cannot be walked. `what` names the grammar in
  // errors, such as "pattern" or "schema", `path` where it stands.
  Grammar Finish(NodeId root, const std::string& what, const std::string& path) &&;

 private:
  NodeId Add(GrammarNode node);
  void ComputeMinBytes();
  int MinBytesOf(const GrammarNode& node) const;
  void DropUnproductive();
  NodeId WithoutEmpty(NodeId id, int depth);
  void RemoveEmptyRepeats();
  void CheckLeftRecursion(const std::string& what, const std::string& path) const;

  Compilation& compilation_;
  Grammar grammar_;
  std::map<std::string, NodeId> byte_nodes_;
  std::map<NodeId, NodeId> without_empty_;
};

}  // namespace puna::engine
