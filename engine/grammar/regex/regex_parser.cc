#include "engine/grammar/regex/regex_parser.h"

#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/automata/unicode_properties.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

const CharSet kDigits{{'0', '9'}};
const CharSet kSpace{{9, 13},          {32, 32},         {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                     {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharSet kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

// The largest product of counts of repeats inside one another.
int64_t Copies(const Regex& regex) {
  int64_t most = 1;
  for (const Regex& child : regex.children) most = std::max(most, Copies(child));
  if (regex.kind != Regex::Kind::kRepeat) return most;
  return most * std::max(1, regex.max == kUnbounded ? regex.min : regex.max);
}

}  // namespace

RegexParser::RegexParser(std::string_view pattern, const Place& place)
    : chars_(text::CodePoints(pattern)), place_(place) {}

void RegexParser::Fail(const std::string& message) const { place_.Fail("the regular expression " + message); }

Regex RegexParser::Chars(CharSet set) const {
  return {.kind = Regex::Kind::kChars, .chars = flags_.ignore_case ? CloseOverCase(set) : std::move(set)};
}

bool RegexParser::Take(char c) {
  if (!Peek(c)) return false;
  ++at_;
  return true;
}

bool RegexParser::TakeAll(std::string_view text) {
  if (chars_.size() - at_ < text.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (chars_[at_ + i] != static_cast<uint32_t>(text[i])) return false;
  }
  at_ += text.size();
  return true;
}

Regex RegexParser::Parse() {
  if (chars_.size() > kMaxLength) Fail("is too long");
  Regex regex = ParseChoice(0);
  if (!AtEnd()) Fail("has a ')' without '('");
  return regex;
}

Regex RegexParser::ParseChoice(int depth) {
  if (depth > kMaxDepth) Fail("is nested too deeply");
  const Flags flags = flags_;  // those set inside hold to the end of the group
  Regex choice{.kind = Regex::Kind::kChoice};
  do choice.children.push_back(ParseConcat(depth));
  while (Take('|'));
  flags_ = flags;
  return choice.children.size() == 1 ? std::move(choice.children[0]) : choice;
}

Regex RegexParser::ParseConcat(int depth) {
  Regex concat;
  while (!AtEnd() && !Peek('|') && !Peek(')')) {
    Regex atom = ParseAtom(depth);
    ParseQuantifier(atom);
    concat.children.push_back(std::move(atom));
  }
  return concat.children.size() == 1 ? std::move(concat.children[0]) : concat;
}

Regex RegexParser::ParseAtom(int depth) {
  if (std::optional<Regex> condition = ParseCondition()) return std::move(*condition);
  const uint32_t c = chars_[at_++];
  switch (c) {
    case '.':
      return Chars(flags_.dot_all ? CharSet::All() : kLineEnds.Complement());
    case '[':
      return Chars(ParseClass());
    case '(':
      return ParseGroup(depth);
    case '\\':
      return Chars(ParseEscape(false));
    case '*':
    case '+':
    case '?':
      Fail("has a quantifier with nothing before it");
    default:
      return Chars({{c, c}});
  }
}

// Anchors and word edges, also as Python, Perl and Rust write them.
std::optional<Regex> RegexParser::ParseCondition() {
  using Kind = Regex::Kind;
  if (Take('^') || TakeAll("\\A")) return Regex{.kind = Kind::kBegin};
  if (Take('$') || TakeAll("\\z") || TakeAll("\\Z")) return Regex{.kind = Kind::kEnd};
  if (TakeAll("\\b")) return Regex{.kind = Kind::kWordEdge};
  if (TakeAll("\\B")) return Regex{.kind = Kind::kWordEdge, .negated = true};
  return std::nullopt;
}

Regex RegexParser::ParseGroup(int depth) {
  if (Take('?')) {
    if (Take('=')) return ParseLook(depth, false, false);
    if (Take('!')) return ParseLook(depth, true, false);
    if (TakeAll("<=")) return ParseLook(depth, false, true);
    if (TakeAll("<!")) return ParseLook(depth, true, true);
    if (Take('>') || Take('(')) Fail("has an atomic group or a condition, which cannot be enforced");
    if (TakeAll("P=") || TakeAll("P>")) Fail("has a back reference, which cannot be enforced");
    if (Take('<') || TakeAll("P<"))
      ParseName();
    else if (!Take(':'))
      return ParseFlags(depth);
  }
  Regex inner = ParseChoice(depth + 1);
  if (!Take(')')) Fail("has a '(' without ')'");
  return inner;
}

void RegexParser::ParseName() {
  const size_t start = at_;
  while (!AtEnd() && !Peek('>') && !Peek(')')) ++at_;
  if (at_ == start || !Take('>')) Fail("has a group name without '>'");
}

Regex RegexParser::ParseLook(int depth, bool negated, bool behind) {
  if (!behind && behind_ > 0) Fail("has a look-ahead inside of a look-behind, which cannot be enforced");
  behind_ += behind ? 1 : 0;
  Regex look{.kind = Regex::Kind::kLook, .negated = negated, .behind = behind};
  look.children.push_back(ParseChoice(depth + 1));
  behind_ -= behind ? 1 : 0;
  if (!Take(')')) Fail("has a '(' without ')'");
  return look;
}

// (?i), (?s-i:...): for the group, or for what follows in the group around. Neither u nor a changes anything here.
Regex RegexParser::ParseFlags(int depth) {
  const Flags before = flags_;
  bool on = true;
  for (; !AtEnd() && !Peek(')') && !Peek(':'); ++at_) {
    if (Peek('i'))
      flags_.ignore_case = on;
    else if (Peek('s'))
      flags_.dot_all = on;
    else if (Peek('-'))
      on = false;
    else if (!Peek('u') && !Peek('a'))
      Fail("has flags in a group, of which only i and s can be enforced");
  }
  if (Take(')')) return {};
  if (!Take(':')) Fail("has a '(' without ')'");
  Regex inner = ParseChoice(depth + 1);
  flags_ = before;
  if (!Take(')')) Fail("has a '(' without ')'");
  return inner;
}

std::optional<int> RegexParser::ParseNumber() {
  int64_t number = 0;
  const size_t start = at_;
  while (!AtEnd() && chars_[at_] >= '0' && chars_[at_] <= '9')
    number = std::min<int64_t>(number * 10 + (chars_[at_++] - '0'), kMaxCopies + 1);
  if (at_ == start) return std::nullopt;
  return static_cast<int>(number);
}

// What begins with '{'. False: it is no quantifier and stands for itself, as in a pattern without the u flag.
bool RegexParser::ParseCounts(int& min, int& max) {
  const size_t start = at_;
  if (!Take('{')) return false;
  const std::optional<int> low = ParseNumber();
  if (low) {
    min = max = *low;
    if (Take(',')) max = ParseNumber().value_or(kUnbounded);
    if (Take('}')) {
      if (min > max) Fail("has a quantifier whose numbers are out of order");
      return true;
    }
  }
  at_ = start;
  return false;
}

void RegexParser::ParseQuantifier(Regex& atom) {
  int min = 0, max = kUnbounded;
  if (Take('+'))
    min = 1;
  else if (Take('?'))
    max = 1;
  else if (!Take('*') && !ParseCounts(min, max))
    return;
  using Kind = Regex::Kind;
  if (atom.kind == Kind::kBegin || atom.kind == Kind::kEnd || atom.kind == Kind::kWordEdge) Fail("repeats an anchor");
  if (!Take('?') && Peek('+')) Fail("has a possessive quantifier");
  if (Peek('*') || Peek('?') || Peek('+')) Fail("has a quantifier after a quantifier");
  // A look-around holds however often it is asked.
  if (atom.kind == Kind::kLook) max = std::min(max, 1), min = std::min(min, 1);
  Regex repeat{.kind = Kind::kRepeat, .min = min, .max = max};
  repeat.children.push_back(std::move(atom));
  if (Copies(repeat) > kMaxCopies) Fail("repeats too often; the limit is " + std::to_string(kMaxCopies));
  atom = std::move(repeat);
}

CharSet RegexParser::ParseClassAtom() {
  if (AtEnd()) Fail("has a '[' without ']'");
  const uint32_t c = chars_[at_++];
  return c == '\\' ? ParseEscape(true) : CharSet{{c, c}};
}

CharSet RegexParser::ParseClass() {
  const bool negated = Take('^');
  std::vector<CharSet::Range> ranges;
  const auto add = [&](const CharSet& set) { ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end()); };
  const auto single = [](const CharSet& s) {
    return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].second;
  };
  while (!Take(']')) {
    const CharSet low = ParseClassAtom();
    const bool range = Peek('-') && at_ + 1 < chars_.size() && chars_[at_ + 1] != ']';
    // [\w-.]: a class has no end that a range could begin with, so that the hyphen stands for itself.
    if (!range || !single(low)) {
      add(low);
      continue;
    }
    ++at_;
    const CharSet high = ParseClassAtom();
    if (!single(high)) {
      add(low);
      add(high);
      add({{'-', '-'}});
      continue;
    }
    const uint32_t first = low.ranges()[0].first, last = high.ranges()[0].first;
    if (first > last) Fail("has a range whose ends are out of order");
    ranges.emplace_back(first, last);
  }
  CharSet set(std::move(ranges));
  if (flags_.ignore_case) set = CloseOverCase(set);
  return negated ? set.Complement() : set;
}

// \p{Lu}, \pL, \P{...}; \p{^...} as Ruby has it.
CharSet RegexParser::ParseProperty(bool negated) {
  std::string name;
  if (Take('{')) {
    negated ^= Take('^');
    while (!AtEnd() && !Peek('}')) name += static_cast<char>(chars_[at_++] & 127);
    if (!Take('}')) Fail("has a \\p{ without '}'");
  } else if (!AtEnd()) {
    name = static_cast<char>(chars_[at_++] & 127);
  }
  const std::optional<CharSet> set = UnicodePropertyChars(name);
  if (!set) Fail("has \\p{" + name.substr(0, 40) + "}, which is not known");
  return negated ? set->Complement() : *set;
}

uint32_t RegexParser::ParseHex(int digits) {
  uint32_t value = 0;
  for (int i = 0; i < digits; ++i, ++at_) {
    const uint32_t c = AtEnd() ? 0 : chars_[at_];
    if (c >= '0' && c <= '9')
      value = value * 16 + (c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      value = value * 16 + ((c | 32) - 'a' + 10);
    else
      Fail("has a bad hexadecimal escape");
  }
  return value;
}

uint32_t RegexParser::ParseUnicodeEscape() {
  if (Take('{')) {
    uint32_t value = 0;
    int digits = 0;
    for (; !Peek('}') && digits < 6; ++digits) value = value * 16 + ParseHex(1);
    if (digits == 0 || !Take('}')) Fail("has a bad escape \\u{...}");
    return value;
  }
  const uint32_t first = ParseHex(4);
  if (first < 0xD800 || first > 0xDBFF || !TakeAll("\\u")) return first;
  const uint32_t second = ParseHex(4);
  if (second < 0xDC00 || second > 0xDFFF) Fail("has half of a surrogate pair");
  return 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00));
}

CharSet RegexParser::ParseEscape(bool in_class) {
  if (AtEnd()) Fail("ends with a backslash");
  const uint32_t c = chars_[at_++];
  const auto just = [](uint32_t value) { return CharSet{{value, value}}; };
  switch (c) {
    case 'd':
      return kDigits;
    case 'D':
      return kDigits.Complement();
    case 'w':
      return CharSet::Word();
    case 'W':
      return CharSet::Word().Complement();
    case 's':
      return kSpace;
    case 'S':
      return kSpace.Complement();
    case 't':
      return just('\t');
    case 'n':
      return just('\n');
    case 'r':
      return just('\r');
    case 'f':
      return just('\f');
    case 'v':
      return just('\v');
    case '0':
      return just(0);
    case 'x':
      return just(ParseHex(2));
    case 'u':
      return just(ParseUnicodeEscape());
    case 'p':
      return ParseProperty(false);
    case 'P':
      return ParseProperty(true);
    case 'a':
      return just('\a');
    case 'e':
      return just(0x1B);
    case 'h':
      return {{'\t', '\t'}, {' ', ' '}};
    case 'b':
      if (in_class) return just('\b');
      break;
    case 'c':
      if (AtEnd() || (chars_[at_] | 32) < 'a' || (chars_[at_] | 32) > 'z') Fail("has a bad escape \\c");
      return just(chars_[at_++] & 31);
    default:
      break;
  }
  if ((c | 32) >= 'a' && (c | 32) <= 'z')
    Fail(std::string("has \\") + static_cast<char>(c) + ", which is not supported");
  if (c >= '1' && c <= '9') Fail("has a back reference, which cannot be enforced");
  return just(c);
}

}  // namespace puna::engine
