// UTF-8, strictly as Unicode defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna::text {

struct Utf8Char {
  enum class Status : uint8_t { kValid, kInvalid, kIncomplete };
  char32_t code_point;  // U+FFFD unless valid
  uint8_t length;       // bytes taken, at least 1. Not valid: the maximal part that begins some valid character
  Status status;        // kIncomplete: valid so far, but the text ends inside the character
};

// The character at byte `at` (at < text.size()).
Utf8Char DecodeUtf8(std::string_view text, size_t at = 0);
// The character that ends before byte `end` (0 < end <= text.size()); invalid and one byte long if none ends there.
Utf8Char DecodeUtf8Before(std::string_view text, size_t end);

// The same for text known to be valid UTF-8 at `p`; sets *length to the bytes taken.
inline char32_t DecodeValidUtf8(const char* p, size_t* length) {
  const auto byte = [p](int i) { return static_cast<char32_t>(static_cast<unsigned char>(p[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return *length = 1, lead;
  if (lead < 0xe0) return *length = 2, (lead & 0x1f) << 6 | (byte(1) & 0x3f);
  if (lead < 0xf0) {
    return *length = 3, (lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  }
  return *length = 4, (lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
}

// c up to U+10FFFF, no surrogate.
void AppendUtf8(char32_t c, std::string& out);

// How many bytes at the front of `text` are valid UTF-8 (text.size(): all of it).
size_t ValidUtf8Prefix(std::string_view text);
inline bool IsUtf8(std::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

// `text` with U+FFFD in place of every maximal invalid part (Unicode 3.9 "substitution of maximal subparts", the rule of
// WHATWG's decoder and of Python's errors="replace").
std::string ReplaceInvalidUtf8(std::string_view text);

// The characters of valid UTF-8.
std::vector<char32_t> CodePoints(std::string_view text);

// Characters in valid UTF-8: the bytes that are not continuation bytes.
size_t CountCodePoints(std::string_view text);

// The longest beginning of `text` (valid, but cut anywhere) that does not end inside a character.
std::string_view WholeCharacters(std::string_view text);

}  // namespace puna::text
