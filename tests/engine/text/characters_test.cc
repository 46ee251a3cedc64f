#include "engine/text/characters.h"

#include <doctest/doctest.h>

#include <vector>

#include "engine/text/char_class.h"
#include "engine/text/utf8.h"

namespace puna::text {
namespace {

TEST_CASE("classes of code points") {
  CHECK(std::string(kUnicodeVersion) == "16.0.0");
  for (uint32_t c = 0; c < 128; ++c) CHECK(ClassOf(c) == kAsciiClass[c]);
  for (const uint32_t c :
       {0xaau, 0xe9u, 0x3b1u, 0x5d0u, 0x4e00u, 0x9fffu, 0xac00u, 0x3400u, 0x20000u, 0x2ebf0u, 0x323afu}) {
    CHECK(ClassOf(c) == CharClass::kLetter);
  }
  for (const uint32_t c : {0xb2u, 0xbdu, 0x660u, 0x966u, 0x216bu, 0x2460u, 0x3007u, 0x1d7d8u}) {
    CHECK(ClassOf(c) == CharClass::kNumber);
  }
  const std::vector<uint32_t> spaces = {0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006,
                                        0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
  uint32_t found = 0;
  for (uint32_t c = 128; c < 0x110000; ++c) found += ClassOf(c) == CharClass::kSpace;
  CHECK(found == spaces.size());
  for (const uint32_t c : spaces) CHECK(ClassOf(c) == CharClass::kSpace);
  for (const uint32_t c : {0x1cu, 0x1fu, 0x200bu, 0xfeffu, 0x180eu, 0x301u, 0x1f600u, 0xe000u, 0x378u, 0x10ffffu}) {
    CHECK(ClassOf(c) == CharClass::kOther);
  }
}

std::string Mapped(void (*append)(char32_t, std::string&), char32_t c) {
  std::string out;
  append(c, out);
  return out;
}

TEST_CASE("both tables are of one Unicode version: a letter of one is a letter of the other") {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    REQUIRE(IsAlpha(c) == (ClassOf(c) == CharClass::kLetter));
    if (ClassOf(c) == CharClass::kNumber) REQUIRE(IsNumeric(c));
  }
  CHECK(IsUpper(0xa7cb));  // new in 16.0, as is its small letter, U+0264, which is older
  CHECK(Mapped(AppendLower, 0xa7cb) == "\u0264");
}

TEST_CASE("case forms are Python's, those of several characters too") {
  CHECK(Mapped(AppendUpper, 0xdf) == "SS");
  CHECK(Mapped(AppendTitle, 0xdf) == "Ss");
  CHECK(Mapped(AppendLower, 0x130) == "i\u0307");
  CHECK(Mapped(AppendUpper, 0x1c6) == "\u01c4");
  CHECK(Mapped(AppendTitle, 0x1c6) == "\u01c5");
  CHECK(Mapped(AppendUpper, 'a') == "A");
  CHECK(Mapped(AppendLower, 0x4e2d) == "\u4e2d");
  CHECK(IsDigit(0xb2));
  CHECK(IsNumeric(0x4e00));
  CHECK(!IsDigit(0x4e00));
  CHECK(IsPrintable(' '));
  for (const char32_t c : {0x7fu, 0xa0u, 0x200bu, 0x2028u, 0xe000u, 0x378u}) CHECK(!IsPrintable(c));
}

TEST_CASE("white space is skipped and trimmed in whole characters") {
  const std::string spaces = " \t\n\x1c\u0085\u00a0\u1680\u2003\u2028\u202f\u205f\u3000";
  CHECK(SkipSpace(spaces + "x", 0) == spaces.size());
  CHECK(SkipSpace("x " + spaces, 1) == spaces.size() + 2);
  CHECK(SkipSpace(spaces + "\xe3\x80", 0) == spaces.size());  // cut: not white space yet
  CHECK(TrimSpaceRight("x" + spaces) == "x");
  CHECK(TrimSpaceRight(spaces) == "");
  CHECK(TrimSpaceRight("\u200b ") == "\u200b");
}

}  // namespace
}  // namespace puna::text
