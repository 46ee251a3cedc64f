#include "engine/grammar/lark.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/lark_reader.h"
#include "engine/grammar/regex/regex.h"
#include "engine/text/json_quote.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

using Kind = LarkExpr::Kind;

// Python's dot is everything but a line feed, where ECMA's also leaves out the other line ends.
void WidenDots(Regex& regex) {
  static const CharSet ecma = CharSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.Complement();
  if (regex.kind == Regex::Kind::kChars && regex.chars.ranges() == ecma.ranges())
    regex.chars = CharSet{{'\n', '\n'}}.Complement();
  for (Regex& child : regex.children) WidenDots(child);
}

class LarkCompiler {
 public:
  LarkCompiler(const LarkGrammar& grammar, CharEncoding encoding, GrammarBuilder& b)
      : grammar_(grammar), encoding_(encoding), b_(b) {}

  NodeId Compile() {
    if (grammar_.definitions.count("start") == 0) throw GrammarMistake("lark", "line 1", "there is no rule 'start'");
    if (!grammar_.ignored.empty()) {
      std::vector<NodeId> ignored;
      for (const LarkExpr& expr : grammar_.ignored) ignored.push_back(Node(expr, /*in_terminal=*/true));
      ignored_ = b_.Repeat(b_.Choice(std::move(ignored)), 0, kUnbounded);
    }
    const NodeId start = NodeOf("start");
    // One after the other: rules may be long chains.
    while (!todo_.empty()) {
      const std::string name = std::move(todo_.back());
      todo_.pop_back();
      b_.DefineRule(nodes_.at(name), Body(name));
    }
    return ignored_ ? b_.Sequence({*ignored_, start}) : start;
  }

 private:
  NodeId NodeOf(const std::string& name) {
    const auto [at, added] = nodes_.try_emplace(name);
    if (added) {
      at->second = b_.DeclareRule();
      todo_.push_back(name);
    }
    return at->second;
  }

  // A rule that begins with itself, a: a x | y, is y x*.
  NodeId Body(const std::string& name) {
    const LarkExpr& body = grammar_.definitions.at(name);
    const bool in_terminal = IsLarkTerminal(name);
    const LarkExpr* const first = &body;
    const LarkExpr* const branches = body.kind == Kind::kChoice ? body.children.data() : first;
    const size_t count = body.kind == Kind::kChoice ? body.children.size() : 1;
    std::vector<NodeId> bases, tails;
    for (size_t i = 0; i < count; ++i) {
      const LarkExpr& branch = branches[i];
      if (BeginsWith(branch, name))
        tails.push_back(SequenceNode(branch, 1, in_terminal));
      else
        bases.push_back(Node(branch, in_terminal));
    }
    const NodeId base = b_.Choice(std::move(bases));
    return tails.empty() ? base : b_.Sequence({base, b_.Repeat(b_.Choice(std::move(tails)), 0, kUnbounded)});
  }

  static bool BeginsWith(const LarkExpr& branch, const std::string& name) {
    return branch.kind == Kind::kSequence && branch.children.size() > 1 && branch.children[0].kind == Kind::kName &&
           branch.children[0].text == name;
  }

  NodeId SequenceNode(const LarkExpr& sequence, size_t from, bool in_terminal) {
    std::vector<NodeId> parts;
    for (size_t i = from; i < sequence.children.size(); ++i) parts.push_back(Node(sequence.children[i], in_terminal));
    return b_.Sequence(std::move(parts));
  }

  NodeId Node(const LarkExpr& expr, bool in_terminal) {
    switch (expr.kind) {
      case Kind::kSequence:
        return SequenceNode(expr, 0, in_terminal);
      case Kind::kChoice: {
        std::vector<NodeId> branches;
        for (const LarkExpr& child : expr.children) branches.push_back(Node(child, in_terminal));
        return b_.Choice(std::move(branches));
      }
      case Kind::kRepeat:
        return b_.Repeat(Node(expr.children[0], in_terminal), expr.min, expr.max);
      case Kind::kName:
        return in_terminal || !IsLarkTerminal(expr.text) ? NodeOf(expr.text) : Token(NodeOf(expr.text));
      default:
        return in_terminal ? Leaf(expr) : Token(Leaf(expr));
    }
  }

  // A terminal among rules, and what is ignored behind it.
  NodeId Token(NodeId terminal) { return ignored_ ? b_.Sequence({terminal, *ignored_}) : terminal; }

  NodeId Leaf(const LarkExpr& expr) {
    if (expr.kind == Kind::kRange) return CharNode({{expr.first, expr.last}}, encoding_, b_);
    if (expr.kind == Kind::kLiteral) return expr.ignore_case ? AnyCase(expr.text) : Literal(expr.text);
    const Place place{"lark", "/" + expr.text.substr(0, 80) + "/", b_.compilation()};
    Regex regex = ParseRegex(expr.text, RegexScope::kWhole, place);
    WidenDots(regex);
    return RegexNode(regex, encoding_, b_, place);
  }

  NodeId Literal(const std::string& text) {
    if (encoding_ == CharEncoding::kUtf8) return b_.Literal(text);
    std::string quoted;
    text::AppendJsonString(text, quoted);
    return b_.Literal(std::string_view(quoted).substr(1, quoted.size() - 2));
  }

  NodeId AnyCase(const std::string& text) {
    std::vector<NodeId> parts;
    for (const char32_t c : text::CodePoints(text)) {
      const uint32_t other = (c | 32) - 'a' < 26u ? c ^ 32 : c;
      parts.push_back(CharNode({{c, c}, {other, other}}, encoding_, b_));
    }
    return b_.Sequence(std::move(parts));
  }

  const LarkGrammar& grammar_;
  const CharEncoding encoding_;
  GrammarBuilder& b_;
  std::optional<NodeId> ignored_;
  std::map<std::string, NodeId> nodes_;
  std::vector<std::string> todo_;
};

}  // namespace

NodeId ParseLark(std::string_view text, CharEncoding encoding, GrammarBuilder& builder) {
  const LarkGrammar grammar = ReadLark(text);
  return LarkCompiler(grammar, encoding, builder).Compile();
}

}  // namespace puna::engine
