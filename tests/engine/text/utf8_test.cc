#include "engine/text/utf8.h"

#include <doctest/doctest.h>

namespace puna::text {
namespace {

using Status = Utf8Char::Status;

// Surrogates too, for the test that they are refused.
void Write(uint32_t c, std::string& out) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c >= 0x10000) {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
  } else if (c >= 0x800) {
    put(0xe0 | c >> 12);
  }
  put(c < 0x800 ? 0xc0 | c >> 6 : 0x80 | (c >> 6 & 0x3f));
  put(0x80 | (c & 0x3f));
}

TEST_CASE("every scalar value is decoded; surrogates are not") {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    std::string text;
    Write(c, text);
    const Utf8Char decoded = DecodeUtf8(text);
    if (c >= 0xd800 && c < 0xe000) {
      REQUIRE(decoded.status == Status::kInvalid);
      continue;
    }
    REQUIRE(decoded.status == Status::kValid);
    REQUIRE(decoded.code_point == c);
    REQUIRE(decoded.length == text.size());
    size_t length;
    REQUIRE(DecodeValidUtf8(text.data(), &length) == c);
    REQUIRE(length == text.size());
    const Utf8Char before = DecodeUtf8Before("x" + text, text.size() + 1);
    REQUIRE(before.code_point == c);
    REQUIRE(before.length == text.size());
    std::string written;
    AppendUtf8(c, written);
    REQUIRE(written == text);
    REQUIRE(WholeCharacters(text) == text);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const Utf8Char part = DecodeUtf8(text.substr(0, cut));
      REQUIRE(part.status == Status::kIncomplete);
      REQUIRE(part.length == cut);
      REQUIRE(WholeCharacters("x" + text.substr(0, cut)) == "x");
    }
  }
}

TEST_CASE("each maximal invalid part becomes one U+FFFD") {
  const std::string r = "\ufffd";
  CHECK(ReplaceInvalidUtf8("") == "");
  CHECK(ReplaceInvalidUtf8("plain \u00e9\u4e2d\U0001f600") == "plain \u00e9\u4e2d\U0001f600");
  CHECK(ReplaceInvalidUtf8("a\x80z") == "a" + r + "z");
  CHECK(ReplaceInvalidUtf8("\xff\xfe") == r + r);
  CHECK(ReplaceInvalidUtf8("\xc0\xaf") == r + r);          // overlong
  CHECK(ReplaceInvalidUtf8("\xe0\x80\xaf") == r + r + r);  // overlong
  CHECK(ReplaceInvalidUtf8("\xed\xa0\x80") == r + r + r);  // surrogate
  CHECK(ReplaceInvalidUtf8("\xf4\x90\x80\x80") == r + r + r + r);
  CHECK(ReplaceInvalidUtf8("\xf0\x9f\x98") == r);  // one unfinished character
  CHECK(ReplaceInvalidUtf8("\xf0\x9f\x98\xe4\xb8\xad") == r + "\u4e2d");
  CHECK(ReplaceInvalidUtf8("\xe4\xb8\xe4") == r + r);
}

TEST_CASE("the valid prefix ends where the first fault begins, whatever stands before it") {
  for (size_t before = 0; before < 40; ++before) {
    const std::string text(before, 'x');
    CHECK(ValidUtf8Prefix(text) == before);
    CHECK(ValidUtf8Prefix(text + "\u00e9") == before + 2);
    CHECK(ValidUtf8Prefix(text + "\u00e9\xc3") == before + 2);
    CHECK(ValidUtf8Prefix(text + "\xff" + text) == before);
  }
}

TEST_CASE("characters are counted and listed as they are decoded") {
  const std::string text = "a\u00e9\u4e2d\U0001f600";
  CHECK(CountCodePoints(text) == 4);
  CHECK(CodePoints(text) == std::vector<char32_t>{'a', 0xe9, 0x4e2d, 0x1f600});
  CHECK(DecodeUtf8Before(text + "\x80", text.size() + 1).status == Status::kInvalid);
  for (size_t length = 0; length < 40; ++length) {  // words of bytes, and what is left of them
    const std::string half(length, 'x'), whole = half + "é\xf0\x9f\x98\x80" + half + "日本";
    CHECK(CountCodePoints(whole) == CodePoints(whole).size());
  }
}

}  // namespace
}  // namespace puna::text
