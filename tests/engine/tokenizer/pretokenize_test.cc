// The scanner against the pattern: by hand, and against a slow reading of the pattern, alternative
// by alternative.
#include <doctest/doctest.h>

#include <optional>

#include "engine/text/char_class.h"
#include "engine/text/utf8.h"
#include "engine/tokenizer/pretokenize.h"
#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

using Words = std::vector<std::string>;

Words Split(const std::string& text) {
  Words words;
  for (size_t pos = 0; pos < text.size();) {
    const size_t end = PreTokenEnd(text, pos);
    REQUIRE(end > pos);
    REQUIRE(end <= text.size());
    words.push_back(text.substr(pos, end - pos));
    pos = end;
  }
  return words;
}

TEST_CASE("words take one leading character that is no letter, number or line end") {
  CHECK(Split("Hello world") == Words{"Hello", " world"});
  CHECK(Split("$dollar\tTab") == Words{"$dollar", "\tTab"});
  CHECK(Split("\u3000\u4e2d\u6587") == Words{"\u3000\u4e2d\u6587"});
  CHECK(Split("a\nb\rc") == Words{"a", "\n", "b", "\r", "c"});
  CHECK(Split("1a") == Words{"1", "a"});
  CHECK(Split("e\u0301x") == Words{"e", "\u0301x"});  // a combining mark is no letter
}

TEST_CASE("contractions in any case, with the long s") {
  CHECK(Split("it's I'LL we'Ve") == Words{"it", "'s", " I", "'LL", " we", "'Ve"});
  CHECK(Split("'re'm'd't") == Words{"'re", "'m", "'d", "'t"});
  CHECK(Split("it'\u017fx") == Words{"it", "'\u017f", "x"});
  CHECK(Split("'so") == Words{"'s", "o"});
  CHECK(Split("'lx 'r") == Words{"'lx", " '", "r"});
  CHECK(Split("''s") == Words{"''", "s"});
  CHECK(Split("'") == Words{"'"});
  CHECK(Split("'l") == Words{"'l"});
  CHECK(Split("\u2019s") == Words{"\u2019s"});
}

TEST_CASE("numbers in threes from the left, of every script") {
  CHECK(Split("1234567") == Words{"123", "456", "7"});
  CHECK(Split(" 12") == Words{" ", "12"});
  CHECK(Split("\u0661\u0662\u0663\u0664") == Words{"\u0661\u0662\u0663", "\u0664"});
  CHECK(Split("x\u00b2\u00bd") == Words{"x", "\u00b2\u00bd"});
}

TEST_CASE("punctuation takes one space before and line ends after") {
  CHECK(Split("a !=b") == Words{"a", " !=", "b"});
  CHECK(Split("};\r\n\r\nx") == Words{"};\r\n\r\n", "x"});
  CHECK(Split("\t!") == Words{"\t", "!"});
  CHECK(Split("\u00a0!") == Words{"\u00a0", "!"});
  CHECK(Split("  ...") == Words{" ", " ..."});
}

TEST_CASE("white space: up to the last line end, else all but the last character, else what is there") {
  CHECK(Split("  \n \n  x") == Words{"  \n \n", " ", " x"});
  CHECK(Split("\n\n") == Words{"\n\n"});
  CHECK(Split("a   ") == Words{"a", "   "});
  CHECK(Split("   1") == Words{"  ", " ", "1"});
  CHECK(Split(" 1") == Words{" ", "1"});
  CHECK(Split("\u2003\u2003x") == Words{"\u2003", "\u2003x"});
  CHECK(Split("\u0085\n!") == Words{"\u0085\n", "!"});
}

// The pattern read literally: greedy, with back-tracking where it can matter.
struct Reference {
  std::vector<uint32_t> chars;

  text::CharClass Kind(size_t i) const { return text::ClassOf(chars[i]); }
  bool Newline(size_t i) const { return chars[i] == '\r' || chars[i] == '\n'; }
  template <typename F>
  size_t While(size_t i, F holds) const {
    while (i < chars.size() && holds(i)) ++i;
    return i;
  }

  std::optional<size_t> Contraction(size_t i) const {
    if (chars[i] != '\'') return std::nullopt;
    for (const std::string_view tail : {"s", "t", "re", "ve", "m", "ll", "d"}) {
      bool same = i + tail.size() < chars.size();
      for (size_t k = 0; same && k < tail.size(); ++k) {
        const uint32_t c = chars[i + 1 + k];
        const uint32_t folded = c == 0x17f ? 's' : c >= 'A' && c <= 'Z' ? c + 32 : c;
        same = folded == static_cast<unsigned char>(tail[k]);
      }
      if (same) return i + 1 + tail.size();
    }
    return std::nullopt;
  }

  std::optional<size_t> Word(size_t i) const {
    const auto letter = [&](size_t k) { return Kind(k) == text::CharClass::kLetter; };
    const bool lead = !letter(i) && Kind(i) != text::CharClass::kNumber && !Newline(i);
    for (const size_t begin : lead ? std::vector<size_t>{i + 1, i} : std::vector<size_t>{i}) {
      if (const size_t end = While(begin, letter); end > begin) return end;
    }
    return std::nullopt;
  }

  std::optional<size_t> Number(size_t i) const {
    const size_t end = While(i, [&](size_t k) { return Kind(k) == text::CharClass::kNumber; });
    if (end == i) return std::nullopt;
    return std::min(end, i + 3);
  }

  std::optional<size_t> Punctuation(size_t i) const {
    const auto other = [&](size_t k) { return Kind(k) == text::CharClass::kOther; };
    for (const size_t begin : chars[i] == ' ' ? std::vector<size_t>{i + 1, i} : std::vector<size_t>{i}) {
      if (const size_t end = While(begin, other); end > begin) return While(end, [&](size_t k) { return Newline(k); });
    }
    return std::nullopt;
  }

  size_t Space(size_t i) const {
    const size_t end = While(i, [&](size_t k) { return Kind(k) == text::CharClass::kSpace; });
    REQUIRE(end > i);
    for (size_t back = end; back > i; --back) {
      if (Newline(back - 1)) return back;  // \s*[\r\n]+
    }
    for (size_t back = end; back > i; --back) {
      if (back == chars.size() || Kind(back) == text::CharClass::kSpace) return back;  // \s+(?!\S)
    }
    return end;
  }

  size_t End(size_t i) const {
    if (const auto end = Contraction(i)) return *end;
    if (const auto end = Word(i)) return *end;
    if (const auto end = Number(i)) return *end;
    if (const auto end = Punctuation(i)) return *end;
    return Space(i);
  }
};

TEST_CASE("random text is split as the pattern reads") {
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = test::RandomText(random, 24);
    CAPTURE(text);
    Reference reference;
    for (size_t pos = 0, length; pos < text.size(); pos += length) {
      reference.chars.push_back(text::DecodeValidUtf8(text.data() + pos, &length));
    }
    Words expected;
    for (size_t i = 0; i < reference.chars.size();) {
      const size_t end = reference.End(i);
      std::string word;
      for (; i < end; ++i) text::AppendUtf8(reference.chars[i], word);
      expected.push_back(word);
    }
    REQUIRE(Split(text) == expected);
  }
}

}  // namespace
}  // namespace puna::engine
