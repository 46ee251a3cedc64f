// The four classes of code points that Llama 3's pre-tokenizer tells apart.
#pragma once

#include <array>
#include <cstdint>

namespace puna::text {

#include "engine/text/char_class.inc"

enum class CharClass : uint8_t {
  kOther = 0,
  kLetter = 1,  // general category L*
  kNumber = 2,  // general category N*
  kSpace = 3,   // property White_Space
};

inline CharClass ClassOf(char32_t code_point) {
  const uint8_t four = kClassBlocks[kClassBlockOf[code_point >> 7]][(code_point & 127) >> 2];
  return static_cast<CharClass>(four >> (2 * (code_point & 3)) & 3);
}

// The same for ASCII, one byte each.
inline constexpr std::array<CharClass, 128> kAsciiClass = [] {
  std::array<CharClass, 128> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = CharClass::kLetter;
  for (int c = '0'; c <= '9'; ++c) table[c] = CharClass::kNumber;
  for (int c = '\t'; c <= '\r'; ++c) table[c] = CharClass::kSpace;
  table[' '] = CharClass::kSpace;
  return table;
}();

}  // namespace puna::text
