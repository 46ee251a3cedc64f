#include "engine/grammar/gbnf.h"

#include <algorithm>
#include <map>

#include "engine/grammar/automata/char_set.h"
#include "engine/grammar/automata/grammar_error.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

class GbnfParser {
 public:
  GbnfParser(std::string_view text, GrammarBuilder& builder) : chars_(text::CodePoints(text)), b_(builder) {}

  NodeId Parse() {
    if (chars_.size() > 1 << 18) Fail("it is larger than 256 KiB");
    for (SkipSpace(true); !AtEnd(); SkipSpace(true)) ParseRule();
    for (const auto& [name, rule] : rules_) {
      if (!rule.defined) Fail("the rule '" + name + "' is used, but not defined");
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) Fail("there is no rule 'root'");
    return root->second.node;
  }

 private:
  struct Rule {
    NodeId node;
    bool defined = false;
  };
  static constexpr int kMaxDepth = 200;
  static constexpr int kMaxCount = 100'000;

  [[noreturn]] void Fail(const std::string& message) const {
    const auto end = chars_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, chars_.size()));
    throw GrammarError("grammar", "line " + std::to_string(1 + std::count(chars_.begin(), end, '\n')), message);
  }
  bool AtEnd() const { return at_ >= chars_.size(); }
  uint32_t Peek() const { return AtEnd() ? 0 : chars_[at_]; }
  bool Take(std::string_view text) {
    if (chars_.size() - at_ < text.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (chars_[at_ + i] != static_cast<uint32_t>(text[i])) return false;
    }
    at_ += text.size();
    return true;
  }
  void SkipSpace(bool lines) {
    for (; !AtEnd(); ++at_) {
      if (Peek() == '#') {
        while (!AtEnd() && Peek() != '\n') ++at_;
        if (AtEnd() || !lines) return;
      }
      const bool line = Peek() == '\n' || Peek() == '\r';
      if (Peek() != ' ' && Peek() != '\t' && !(line && lines)) return;
    }
  }
  static bool IsNameChar(uint32_t c) { return (c | 32) - 'a' < 26u || c - '0' < 10u || c == '-' || c == '_'; }
  std::string ReadName() {
    std::string name;
    while (!AtEnd() && IsNameChar(Peek())) name += static_cast<char>(chars_[at_++]);
    if (name.empty()) Fail("expected the name of a rule");
    return name;
  }
  NodeId RuleNode(const std::string& name) {
    const auto [at, added] = rules_.try_emplace(name);
    if (added) at->second.node = b_.DeclareRule();
    return at->second.node;
  }

  void ParseRule() {
    const std::string name = ReadName();
    SkipSpace(true);
    if (!Take("::=")) Fail("expected '::=' behind '" + name + "'");
    const NodeId node = RuleNode(name);
    if (rules_[name].defined) Fail("the rule '" + name + "' is defined twice");
    rules_[name].defined = true;
    SkipSpace(true);
    b_.DefineRule(node, ParseChoice(0));
    SkipSpace(false);
    if (!AtEnd() && Peek() != '\n' && Peek() != '\r') Fail("expected the end of the rule '" + name + "'");
  }

  NodeId ParseChoice(int depth) {
    if (depth > kMaxDepth) Fail("it is nested too deeply");
    std::vector<NodeId> branches;
    do {
      SkipSpace(true);
      branches.push_back(ParseSequence(depth));
      SkipSpace(depth > 0);
    } while (TakeBar(depth));
    return b_.Choice(std::move(branches));
  }

  // An alternative may go on in the next line.
  bool TakeBar(int depth) {
    const size_t start = at_;
    SkipSpace(true);
    if (Take("|")) return true;
    if (depth == 0) at_ = start;
    return false;
  }

  NodeId ParseSequence(int depth) {
    std::vector<NodeId> parts;
    for (;; SkipSpace(depth > 0)) {
      NodeId part;
      if (Take("\""))
        part = ParseLiteral();
      else if (Take("["))
        part = ParseClass();
      else if (Take("(")) {
        part = ParseChoice(depth + 1);
        SkipSpace(true);
        if (!Take(")")) Fail("expected ')'");
      } else if (Take(".")) {
        part = CharNode(CharSet::All(), CharEncoding::kUtf8, b_);
      } else if (!AtEnd() && IsNameChar(Peek())) {
        part = RuleNode(ReadName());
      } else {
        return b_.Sequence(std::move(parts));
      }
      parts.push_back(ParseQuantifiers(part));
    }
  }

  NodeId ParseQuantifiers(NodeId part) {
    for (;;) {
      if (Take("*"))
        part = b_.Repeat(part, 0, kUnbounded);
      else if (Take("+"))
        part = b_.Repeat(part, 1, kUnbounded);
      else if (Take("?"))
        part = b_.Optional(part);
      else if (Take("{"))
        part = ParseCounts(part);
      else
        return part;
    }
  }

  int ReadNumber() {
    if (Peek() - '0' > 9u) Fail("expected a number");
    int64_t number = 0;
    while (!AtEnd() && Peek() - '0' < 10u)
      number = std::min<int64_t>(number * 10 + (chars_[at_++] - '0'), kMaxCount + 1);
    if (number > kMaxCount) Fail("a count is larger than " + std::to_string(kMaxCount));
    return static_cast<int>(number);
  }

  NodeId ParseCounts(NodeId part) {
    SkipSpace(false);
    const int min = ReadNumber();
    int max = min;
    SkipSpace(false);
    if (Take(",")) {
      SkipSpace(false);
      max = Peek() == '}' ? kUnbounded : ReadNumber();
      SkipSpace(false);
    }
    if (!Take("}")) Fail("expected '}'");
    if (min > max) Fail("the counts are out of order");
    return b_.Repeat(part, min, max);
  }

  uint32_t ReadChar() {
    if (AtEnd()) Fail("the text ends too early");
    const uint32_t c = chars_[at_++];
    if (c != '\\') return c;
    if (AtEnd()) Fail("the text ends too early");
    const uint32_t e = chars_[at_++];
    switch (e) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'x':
        return ReadHex(2);
      case 'u':
        return ReadHex(4);
      case 'U':
        return ReadHex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
      case '\'':
        return e;
      default:
        Fail("unknown escape");
    }
  }

  uint32_t ReadHex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const uint32_t c = Peek();
      if (c - '0' < 10u)
        value = value * 16 + (c - '0');
      else if ((c | 32) - 'a' < 6u)
        value = value * 16 + ((c | 32) - 'a' + 10);
      else
        Fail("expected " + std::to_string(digits) + " hexadecimal digits");
    }
    if (value > CharSet::kMaxChar || (value >= 0xD800 && value < 0xE000)) Fail("no character has this number");
    return value;
  }

  NodeId ParseLiteral() {
    std::string text;
    while (!Take("\"")) text::AppendUtf8(ReadChar(), text);
    return b_.Literal(text);
  }

  NodeId ParseClass() {
    const bool negated = Take("^");
    CharSet set;
    while (!Take("]")) {
      const uint32_t lo = ReadChar();
      uint32_t hi = lo;
      if (Peek() == '-' && at_ + 1 < chars_.size() && chars_[at_ + 1] != ']') {
        ++at_;
        hi = ReadChar();
      }
      if (lo > hi) Fail("the ends of a range are out of order");
      set = set.Union({{lo, hi}});
    }
    return CharNode(negated ? set.Complement() : set, CharEncoding::kUtf8, b_);
  }

  std::vector<char32_t> chars_;
  size_t at_ = 0;
  GrammarBuilder& b_;
  std::map<std::string, Rule> rules_;
};

}  // namespace

NodeId ParseGbnf(std::string_view text, GrammarBuilder& builder) { return GbnfParser(text, builder).Parse(); }

}  // namespace puna::engine
