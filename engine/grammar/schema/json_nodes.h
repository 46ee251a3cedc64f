// The parts of JSON as grammar. Layout is that of Python's json.dumps, which Llama's models were
// shown most: one space behind ':' and ',', no other white space. Numbers have a bounded number of
// digits, so that generation ends and any parser reads them exactly.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

using Json = nlohmann::ordered_json;

// `value` as json.dumps lays it out, characters as they are.
std::string DumpJson(const Json& value);

class JsonNodes {
 public:
  static constexpr int kMaxDepth = 32;       // of values that no schema describes
  static constexpr int kIntegerDigits = 15;  // exact in a double
  static constexpr int kFractionDigits = 15;

  explicit JsonNodes(GrammarBuilder& builder);

  NodeId String(int min_chars, int max_chars);  // with its quotes; length in characters
  NodeId Quoted(NodeId characters);
  NodeId Key(NodeId key) { return b_.Sequence({key, b_.Literal(": ")}); }
  NodeId Integer();
  NodeId Number();  // with fraction and exponent
  NodeId Boolean();
  NodeId Null() { return b_.Literal("null"); }
  NodeId Array(NodeId item, int min, int max);
  NodeId AnyValue() { return AnyValue(kMaxDepth); }
  NodeId AnyObject() { return AnyObject(kMaxDepth); }
  NodeId AnyArray() { return Array(AnyValue(kMaxDepth - 1), 0, kUnbounded); }
  NodeId Comma() { return b_.Literal(", "); }
  NodeId Digits(int min, int max) { return b_.Repeat(b_.Range('0', '9'), min, max); }

 private:
  NodeId AnyValue(int depth);
  NodeId AnyObject(int depth);
  NodeId MakeChar();

  GrammarBuilder& b_;
  NodeId char_;
  std::vector<NodeId> values_;  // by depth; -1: not made yet
};

}  // namespace puna::engine
