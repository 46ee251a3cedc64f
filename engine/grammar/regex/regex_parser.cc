#include "engine/grammar/regex/regex_parser.h"

#include <algorithm>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

const CharSet kDigits{{'0', '9'}};
const CharSet kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharSet kSpace{{9, 13},          {32, 32},         {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                     {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharSet kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

Regex Chars(CharSet set) { return {.kind = Regex::Kind::kChars, .chars = std::move(set), .children = {}}; }

// The largest product of counts of repeats inside one another.
int64_t Copies(const Regex& regex) {
  int64_t most = 1;
  for (const Regex& child : regex.children) most = std::max(most, Copies(child));
  if (regex.kind != Regex::Kind::kRepeat) return most;
  return most * std::max(1, regex.max == kUnbounded ? regex.min : regex.max);
}

}  // namespace

RegexParser::RegexParser(std::string_view pattern, std::string keyword, std::string path)
    : chars_(text::CodePoints(pattern)), keyword_(std::move(keyword)), path_(std::move(path)) {}

void RegexParser::Fail(const std::string& message) const {
  throw GrammarError(keyword_, path_, "the regular expression " + message);
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
  Regex choice{.kind = Regex::Kind::kChoice, .chars = {}, .children = {}};
  do choice.children.push_back(ParseConcat(depth));
  while (Take('|'));
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
  const uint32_t c = chars_[at_++];
  switch (c) {
    case '^':
      return {.kind = Regex::Kind::kBegin, .chars = {}, .children = {}};
    case '$':
      return {.kind = Regex::Kind::kEnd, .chars = {}, .children = {}};
    case '.':
      return Chars(kLineEnds.Complement());
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

Regex RegexParser::ParseGroup(int depth) {
  if (Take('?')) {
    if (TakeAll("=") || TakeAll("!") || TakeAll("<=") || TakeAll("<!"))
      Fail("has a look-around, which cannot be enforced");
    if (Take('<')) {
      while (!AtEnd() && !Peek('>')) ++at_;
      if (!Take('>')) Fail("has a group name without '>'");
    } else if (!Take(':')) {
      Fail("has flags in a group, which are not supported");
    }
  }
  Regex inner = ParseChoice(depth + 1);
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

void RegexParser::ParseQuantifier(Regex& atom) {
  const size_t start = at_;
  int min = 0, max = kUnbounded;
  if (Take('+')) {
    min = 1;
  } else if (Take('?')) {
    max = 1;
  } else if (Take('{')) {
    const std::optional<int> low = ParseNumber();
    if (!low) Fail("has a '{' that is no quantifier; write \\{");
    min = max = *low;
    if (Take(',')) max = ParseNumber().value_or(kUnbounded);
    if (!Take('}')) Fail("has a '{' that is no quantifier; write \\{");
    if (min > max) Fail("has a quantifier whose numbers are out of order");
  } else if (!Take('*')) {
    return;
  }
  if (atom.kind == Regex::Kind::kBegin || atom.kind == Regex::Kind::kEnd) Fail("repeats an anchor");
  if (!Take('?') && Peek('+')) Fail("has a possessive quantifier");
  if (at_ > start && (Peek('*') || Peek('?') || Peek('{'))) Fail("has a quantifier after a quantifier");
  Regex repeat{.kind = Regex::Kind::kRepeat, .chars = {}, .min = min, .max = max, .children = {}};
  repeat.children.push_back(std::move(atom));
  if (Copies(repeat) > kMaxCopies) Fail("repeats too often; the limit is " + std::to_string(kMaxCopies));
  atom = std::move(repeat);
}

CharSet RegexParser::ParseClass() {
  const bool negated = Take('^');
  CharSet set;
  while (!Take(']')) {
    if (AtEnd()) Fail("has a '[' without ']'");
    const auto one = [&] {
      const uint32_t c = chars_[at_++];
      return c == '\\' ? ParseEscape(true) : CharSet{{c, c}};
    };
    const CharSet low = one();
    const bool range = Peek('-') && at_ + 1 < chars_.size() && chars_[at_ + 1] != ']';
    if (!range) {
      set = set.Union(low);
      continue;
    }
    ++at_;
    const CharSet high = one();
    const auto single = [](const CharSet& s) {
      return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].second;
    };
    if (!single(low) || !single(high)) Fail("has a range whose end is no single character");
    const uint32_t first = low.ranges()[0].first, last = high.ranges()[0].first;
    if (first > last) Fail("has a range whose ends are out of order");
    set = set.Union({{first, last}});
  }
  return negated ? set.Complement() : set;
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
      return kWord;
    case 'W':
      return kWord.Complement();
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
    case 'b':
      if (in_class) return just('\b');
      Fail("has \\b, which cannot be enforced");
    case 'c':
      if (AtEnd() || (chars_[at_] | 32) < 'a' || (chars_[at_] | 32) > 'z') Fail("has a bad escape \\c");
      return just(chars_[at_++] & 31);
    default:
      if ((c | 32) >= 'a' && (c | 32) <= 'z')
        Fail(std::string("has \\") + static_cast<char>(c) + ", which is not supported");
      if (c >= '1' && c <= '9') Fail("has a back reference, which cannot be enforced");
      return just(c);
  }
}

}  // namespace puna::engine
