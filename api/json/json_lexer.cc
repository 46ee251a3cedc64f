#include "api/json/json_lexer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "engine/text/utf8.h"

namespace puna::api {
namespace {

// The lowest byte of a word comes first in memory.
static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kOnes = 0x0101010101010101u, kHigh = 0x8080808080808080u;

// The high bit of the lowest byte that is `c` (that is below `c`) is the lowest bit set: only bytes above it may be set by a
// borrow.
constexpr uint64_t EqualTo(uint64_t word, uint8_t c) {
  const uint64_t other = word ^ (kOnes * c);
  return (other - kOnes) & ~other & kHigh;
}
constexpr uint64_t Below(uint64_t word, uint8_t c) { return (word - kOnes * c) & ~word & kHigh; }

bool IsPlain(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }
bool IsDecimal(char c) { return c >= '0' && c <= '9'; }

// Four hexadecimal digits at `at`; -1 when they are not there.
int HexUnit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  unsigned unit = 0;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + 4, unit, 16);
  return error == std::errc() && end == begin + 4 ? static_cast<int>(unit) : -1;
}

// What the letter behind a backslash stands for; 0: it is no such letter (or u).
char EscapedChar(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// Reads the escape whose backslash stands at `at`; returns where it ends, or sets the fault.
size_t ReadEscape(std::string_view text, size_t at, StringToken& token) {
  const char letter = at + 1 < text.size() ? text[at + 1] : 0;
  if (const char c = EscapedChar(letter); c != 0) {
    token.value += c;
    return at + 2;
  }
  token.fault = "a backslash that begins no escape";
  if (letter != 'u') return at;
  const int unit = HexUnit(text, at + 2);
  if (unit < 0) {
    token.fault = "\\u without four hexadecimal digits";
    return at;
  }
  token.fault = nullptr;
  if (unit < 0xd800 || unit > 0xdfff) {
    text::AppendUtf8(static_cast<char32_t>(unit), token.value);
    return at + 6;
  }
  const bool pair = unit < 0xdc00 && text.substr(at + 6, 2) == "\\u";
  const int low = pair ? HexUnit(text, at + 8) : -1;
  if (low < 0xdc00 || low > 0xdfff) {
    token.fault = "half of a surrogate pair";
    return at;
  }
  text::AppendUtf8(static_cast<char32_t>(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), token.value);
  return at + 12;
}

// The closing quote of the string whose text begins at `at`; text.size() when there is none.
size_t ClosingQuote(std::string_view text, size_t at) {
  while (true) {
    at = PlainEnd(text, at);
    if (at >= text.size() || text[at] == '"') return at;
    at = std::min(text.size(), at + (text[at] == '\\' ? 2 : 1));
  }
}

size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDecimal(text[at])) ++at;
  return at;
}

// Where the number's grammar ends, and whether it is written as an integer; npos when it is none.
size_t NumberEnd(std::string_view text, size_t at, bool& integer) {
  const auto digits = [&](size_t from) {
    const size_t end = SkipDigits(text, from);
    return end == from ? text.npos : end;
  };
  if (text[at] == '-') ++at;
  at = at < text.size() && text[at] == '0' ? at + 1 : digits(at);
  integer = true;
  if (at != text.npos && at < text.size() && text[at] == '.') {
    integer = false;
    at = digits(at + 1);
  }
  if (at != text.npos && at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    integer = false;
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    at = digits(at);
  }
  return at;
}

template <typename T>
bool ParseWhole(std::string_view digits, T& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

size_t PlainEnd(std::string_view text, size_t at) {
  for (; at + sizeof(uint64_t) <= text.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    const uint64_t found = EqualTo(word, '"') | EqualTo(word, '\\') | Below(word, 0x20);
    if (found != 0) return at + static_cast<size_t>(std::countr_zero(found)) / 8;
  }
  while (at < text.size() && IsPlain(text[at])) ++at;
  return at;
}

StringToken ReadString(std::string_view text, size_t at) {
  StringToken token;
  ++at;
  token.value.reserve(ClosingQuote(text, at) - at);
  while (true) {
    const size_t end = PlainEnd(text, at);
    token.value.append(text, at, end - at);
    token.end = at = end;
    if (at == text.size()) {
      token.fault = "a string without an end";
    } else if (text[at] == '"') {
      ++token.end;
    } else if (text[at] != '\\') {
      token.fault = "a control character in a string; write it as an escape";
    } else if (at = ReadEscape(text, at, token); token.fault == nullptr) {
      continue;
    }
    return token;
  }
}

NumberToken ReadNumber(std::string_view text, size_t at) {
  NumberToken token;
  bool integer = false;
  const size_t end = NumberEnd(text, at, integer);
  token.end = at;
  if (end == text.npos) {
    token.fault = "a number that lacks digits";
    return token;
  }
  token.end = end;
  const std::string_view digits = text.substr(at, end - at);
  if (int64_t negative = 0; integer && digits[0] == '-' && ParseWhole(digits, negative)) {
    token.value = negative;
    return token;
  }
  if (uint64_t natural = 0; integer && digits[0] != '-' && ParseWhole(digits, natural)) {
    token.value = natural;
    return token;
  }
  double number = 0;
  // from_chars does not say which way a number is out of range: too large is a fault, too small is zero or nearly.
  if (!ParseWhole(digits, number)) number = std::strtod(std::string(digits).c_str(), nullptr);
  token.value = number;
  if (std::isinf(number)) token.fault = "a number that is too large";
  return token;
}

}  // namespace puna::api
