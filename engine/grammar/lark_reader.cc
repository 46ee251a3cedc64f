#include "engine/grammar/lark_reader.h"

#include <algorithm>

#include "engine/grammar/automata/char_set.h"
#include "engine/grammar/automata/grammar.h"
#include "engine/grammar/automata/grammar_error.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

constexpr std::string_view kCommon = "common.";

// What %import takes from `common`, in Lark's own notation.
constexpr std::string_view kLibrary = R"(
DIGIT: "0".."9"
HEXDIGIT: "a".."f" | "A".."F" | DIGIT
INT: DIGIT+
SIGNED_INT: ["+" | "-"] INT
DECIMAL: INT "." INT? | "." INT
_EXP: ("e" | "E") SIGNED_INT
FLOAT: INT _EXP | DECIMAL _EXP?
SIGNED_FLOAT: ["+" | "-"] FLOAT
NUMBER: FLOAT | INT
SIGNED_NUMBER: ["+" | "-"] NUMBER
ESCAPED_STRING: "\"" (/[^"\\\n]/ | /\\[^\n]/)* "\""
LCASE_LETTER: "a".."z"
UCASE_LETTER: "A".."Z"
LETTER: UCASE_LETTER | LCASE_LETTER
WORD: LETTER+
CNAME: ("_" | LETTER) ("_" | LETTER | DIGIT)*
WS_INLINE: (" " | /\t/)+
WS: /[ \t\f\r\n]/+
CR: /\r/
LF: /\n/
NEWLINE: (CR? LF)+
SH_COMMENT: /#[^\n]*/
CPP_COMMENT: /\/\/[^\n]*/
SQL_COMMENT: /--[^\n]*/
C_COMMENT: "/*" /[^*]*\*+([^\/*][^*]*\*+)*/ "/"
)";

bool IsLower(uint32_t c) { return c - 'a' < 26u; }
bool IsUpper(uint32_t c) { return c - 'A' < 26u; }
bool IsDigit(uint32_t c) { return c - '0' < 10u; }

class LarkReader {
 public:
  // `prefix` goes before every name that is defined or used.
  LarkReader(std::string_view text, std::string_view prefix) : chars_(text::CodePoints(text)), prefix_(prefix) {}

  LarkGrammar Read() {
    if (chars_.size() > 1 << 18) Fail("it is larger than 256 KiB");
    for (SkipSpace(true); !AtEnd(); SkipSpace(true)) {
      Peek() == '%' ? ReadStatement() : ReadDefinition();
      SkipSpace(false);
      if (!AtEnd() && Peek() != '\n') Fail("expected the end of the line");
    }
    for (const auto& [name, line] : used_) {
      if (grammar_.definitions.count(name) == 0) {
        line_ = line;
        Fail("'" + name + "' is used, but not defined");
      }
    }
    return std::move(grammar_);
  }

 private:
  using Kind = LarkExpr::Kind;
  static constexpr int kMaxDepth = 200;
  static constexpr int kMaxCount = 100'000;

  std::string Line() const {
    const auto end = chars_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, chars_.size()));
    return "line " + std::to_string(line_ > 0 ? line_ : 1 + std::count(chars_.begin(), end, '\n'));
  }
  [[noreturn]] void Fail(const std::string& message) const { throw GrammarMistake("lark", Line(), message); }
  [[noreturn]] void Unknown(const std::string& what) const {
    throw GrammarError("lark", Line(), what + " cannot be followed here");
  }

  bool AtEnd() const { return at_ >= chars_.size(); }
  uint32_t Peek(size_t ahead = 0) const { return at_ + ahead < chars_.size() ? chars_[at_ + ahead] : 0; }
  bool Take(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (Peek(i) != static_cast<uint32_t>(text[i])) return false;
    }
    at_ += text.size();
    return true;
  }
  void Expect(std::string_view text) {
    SkipSpace(false);
    if (!Take(text)) Fail("expected '" + std::string(text) + "'");
  }

  // Blanks, comments, and a backslash before the end of a line; ends of lines, too, where they mean nothing.
  void SkipSpace(bool lines) {
    for (; !AtEnd(); ++at_) {
      const uint32_t c = Peek();
      if (c == '#' || (c == '/' && Peek(1) == '/')) {
        while (!AtEnd() && Peek() != '\n') ++at_;
        if (AtEnd() || !lines) return;
      } else if (c == '\\' && (Peek(1) == '\n' || (Peek(1) == '\r' && Peek(2) == '\n'))) {
        at_ += Peek(1) == '\r' ? 2 : 1;
      } else if (c != ' ' && c != '\t' && c != '\r' && c != '\f' && !(c == '\n' && lines)) {
        return;
      }
    }
  }

  bool AtName() const {
    const uint32_t c = Peek(Peek() == '_' ? 1 : 0);
    return IsLower(c) || IsUpper(c);
  }
  std::string ReadName() {
    if (!AtName()) Fail("expected the name of a rule or terminal");
    std::string name;
    while (IsLower(Peek()) || IsUpper(Peek()) || IsDigit(Peek()) || Peek() == '_')
      name += static_cast<char>(chars_[at_++]);
    if (Peek() == '{') Unknown("a template");
    return name;
  }

  // NAME [.PRIORITY]: BODY. What ? and ! say is about the tree that Lark makes, and priorities about which of two.
  void ReadDefinition() {
    while (Take("?") || Take("!")) {
    }
    const std::string name = prefix_ + ReadName();
    if (Take(".")) {
      Take("-");
      while (IsDigit(Peek())) ++at_;
    }
    Expect(":");
    LarkExpr body = ReadChoice(0);
    if (!grammar_.definitions.emplace(name, std::move(body)).second) Fail("'" + name + "' is defined twice");
  }

  void ReadStatement() {
    if (Take("%ignore")) return grammar_.ignored.push_back(ReadChoice(0));
    if (!Take("%import")) Unknown("a statement other than %import and %ignore");
    SkipSpace(false);
    Take(".");
    if (ReadName() != "common") Unknown("an import from elsewhere than 'common'");
    if (Take(".")) return ReadImported();
    Expect("(");
    do {
      SkipSpace(true);
      Import(ReadName());
      SkipSpace(true);
    } while (Take(","));
    Expect(")");
  }

  // NAME [-> ALIAS]
  void ReadImported() {
    const std::string name = ReadName();
    SkipSpace(false);
    if (!Take("->")) return Import(name);
    SkipSpace(false);
    Import(name, ReadName());
  }

  void Import(const std::string& name, const std::string& alias = "") {
    const std::string full = std::string(kCommon) + name;
    if (grammar_.definitions.count(std::string(kCommon) + "DIGIT") == 0)
      grammar_.definitions.merge(LarkReader(kLibrary, kCommon).Read().definitions);
    if (grammar_.definitions.count(full) == 0) Fail("there is no '" + full + "'");
    grammar_.definitions.try_emplace(alias.empty() ? name : alias, LarkExpr{.kind = Kind::kName, .text = full});
  }

  LarkExpr ReadChoice(int depth) {
    if (depth > kMaxDepth) Fail("it is nested too deeply");
    LarkExpr choice{.kind = Kind::kChoice};
    do choice.children.push_back(ReadSequence(depth));
    while (TakeBar(depth));
    return choice.children.size() == 1 ? std::move(choice.children[0]) : choice;
  }

  // An alternative may go on in the next line.
  bool TakeBar(int depth) {
    const size_t start = at_;
    SkipSpace(true);
    if (Take("|")) return true;
    if (depth == 0) at_ = start;
    return false;
  }

  LarkExpr ReadSequence(int depth) {
    LarkExpr sequence;
    for (SkipSpace(depth > 0); IsAtomNext(); SkipSpace(depth > 0)) {
      LarkExpr atom = ReadAtom(depth);
      ReadQuantifier(atom);
      sequence.children.push_back(std::move(atom));
    }
    if (Take("->")) {  // the name of the branch in Lark's tree
      SkipSpace(false);
      ReadName();
    }
    return sequence.children.size() == 1 ? std::move(sequence.children[0]) : sequence;
  }

  bool IsAtomNext() const {
    const uint32_t c = Peek();
    return c == '"' || c == '/' || c == '(' || c == '[' || AtName();
  }

  LarkExpr ReadAtom(int depth) {
    if (Take("(")) return ReadGroup(depth, ")");
    if (Take("[")) return {.kind = Kind::kRepeat, .max = 1, .children = {ReadGroup(depth, "]")}};
    if (Take("/")) return ReadRegex();
    if (Take("\"")) return ReadLiteralOrRange();
    LarkExpr name{.kind = Kind::kName, .text = prefix_ + ReadName()};
    used_.try_emplace(name.text,
                      1 + std::count(chars_.begin(), chars_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'));
    return name;
  }

  LarkExpr ReadGroup(int depth, std::string_view close) {
    LarkExpr group = ReadChoice(depth + 1);
    SkipSpace(true);
    if (!Take(close)) Fail("expected '" + std::string(close) + "'");
    return group;
  }

  void ReadQuantifier(LarkExpr& atom) {
    int min = 0, max = kUnbounded;
    const size_t start = at_;
    SkipSpace(false);
    if (Take("?")) {
      max = 1;
    } else if (Take("+")) {
      min = 1;
    } else if (Take("~")) {
      min = max = ReadNumber();
      SkipSpace(false);
      if (Take("..")) max = ReadNumber();
      if (min > max) Fail("the counts are out of order");
    } else if (!Take("*")) {
      at_ = start;
      return;
    }
    LarkExpr repeat{.kind = Kind::kRepeat, .min = min, .max = max};
    repeat.children.push_back(std::move(atom));
    atom = std::move(repeat);
  }

  int ReadNumber() {
    SkipSpace(false);
    if (!IsDigit(Peek())) Fail("expected a number");
    int number = 0;
    while (IsDigit(Peek())) number = std::min<int>(number * 10 + static_cast<int>(chars_[at_++] - '0'), kMaxCount + 1);
    if (number > kMaxCount) Fail("a count is larger than " + std::to_string(kMaxCount));
    return number;
  }

  // The flags i and s go into the pattern; u, l and m change nothing that matters to a whole terminal.
  LarkExpr ReadRegex() {
    LarkExpr regex{.kind = Kind::kRegex};
    while (!Take("/")) {
      if (AtEnd() || Peek() == '\n') Fail("a regular expression has no end");
      if (Take("\\/")) {
        regex.text += '/';
        continue;
      }
      if (Peek() == '\\') regex.text += static_cast<char>(chars_[at_++]);
      if (!AtEnd()) text::AppendUtf8(chars_[at_++], regex.text);
    }
    std::string flags;
    for (; IsLower(Peek()); ++at_) {
      if (Peek() == 'x') Unknown("the flag x of a regular expression");
      if (Peek() == 'i' || Peek() == 's') flags += static_cast<char>(Peek());
    }
    if (!flags.empty()) regex.text = "(?" + flags + ":" + regex.text + ")";
    return regex;
  }

  LarkExpr ReadLiteralOrRange() {
    LarkExpr literal{.kind = Kind::kLiteral, .text = ReadString()};
    if (Peek() == 'i' && !IsLower(Peek(1)) && !IsUpper(Peek(1)) && Peek(1) != '_') literal.ignore_case = Take("i");
    const size_t start = at_;
    SkipSpace(false);
    if (!Take("..")) {
      at_ = start;
      return literal;
    }
    SkipSpace(false);
    if (!Take("\"")) Fail("expected a string behind '..'");
    const std::vector<char32_t> from = text::CodePoints(literal.text), to = text::CodePoints(ReadString());
    if (from.size() != 1 || to.size() != 1 || from[0] > to[0]) Fail("a range is from one character to a later one");
    return {.kind = Kind::kRange, .first = from[0], .last = to[0]};
  }

  // Behind its opening quote; escaped as Python's strings are.
  std::string ReadString() {
    std::string text;
    while (!Take("\"")) {
      if (AtEnd() || Peek() == '\n') Fail("a string has no end");
      text::AppendUtf8(Take("\\") ? ReadEscape() : chars_[at_++], text);
    }
    return text;
  }

  uint32_t ReadEscape() {
    static constexpr std::string_view kNames = "nrtfvab0\\\"'/", kMeanings("\n\r\t\f\v\a\b\0\\\"'/", 12);
    const uint32_t c = Peek();
    ++at_;
    if (c == 'x' || c == 'u' || c == 'U') return ReadHex(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    const size_t known = c < 0x80 ? kNames.find(static_cast<char>(c)) : kNames.npos;
    if (known == kNames.npos) Fail("unknown escape in a string");
    return static_cast<unsigned char>(kMeanings[known]);
  }

  uint32_t ReadHex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const uint32_t c = Peek(), letter = (c | 32) - 'a';
      if (!IsDigit(c) && letter >= 6u) Fail("expected " + std::to_string(digits) + " hexadecimal digits");
      value = value * 16 + (IsDigit(c) ? c - '0' : letter + 10);
    }
    if (value > CharSet::kMaxChar || (value >= 0xD800 && value < 0xE000)) Fail("no character has this number");
    return value;
  }

  std::vector<char32_t> chars_;
  const std::string prefix_;
  size_t at_ = 0;
  std::ptrdiff_t line_ = 0;  // of what is spoken of; 0: where it reads
  LarkGrammar grammar_;
  std::map<std::string, std::ptrdiff_t> used_;  // names, with the line where they first are
};

}  // namespace

bool IsLarkTerminal(std::string_view name) {
  const size_t first = name.find_first_not_of('_', name.starts_with(kCommon) ? kCommon.size() : 0);
  return first != name.npos && IsUpper(static_cast<unsigned char>(name[first]));
}

LarkGrammar ReadLark(std::string_view text) { return LarkReader(text, "").Read(); }

}  // namespace puna::engine
