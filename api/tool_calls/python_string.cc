// The string literals of PythonReader: prefixes, quotes, escapes, neighbours that Python joins.
#include <cstdint>

#include "api/tool_calls/python_literal.h"

namespace puna::api {

namespace {

// UTF-8, where a surrogate is written as if it were a character until its other half joins it.
void AppendCodePoint(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

uint32_t SurrogateAt(const std::string& text, size_t i) {
  if (i + 3 > text.size() || static_cast<uint8_t>(text[i]) != 0xed) return 0;
  const uint32_t code = 0xd000 | (text[i + 1] & 0x3f) << 6 | (text[i + 2] & 0x3f);
  return static_cast<uint8_t>(text[i + 1]) >= 0xa0 ? code : 0;
}

void AppendJoiningSurrogates(uint32_t code, std::string& out) {
  const uint32_t high = out.size() >= 3 ? SurrogateAt(out, out.size() - 3) : 0;
  if (code >= 0xdc00 && code <= 0xdfff && high >= 0xd800 && high < 0xdc00) {
    out.resize(out.size() - 3);
    code = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
  }
  AppendCodePoint(code, out);
}

bool HasLoneSurrogate(const std::string& text) {
  for (size_t i = text.find('\xed'); i != std::string::npos; i = text.find('\xed', i + 1)) {
    if (SurrogateAt(text, i)) return true;
  }
  return false;
}

}  // namespace

// One string literal, or several next to each other, which Python joins.
bool PythonReader::ReadStrings(std::string& decoded) {
  while (true) {
    const std::string_view prefix = Word();
    const bool raw = prefix == "r" || prefix == "R";
    if (!raw && !prefix.empty() && prefix != "u" && prefix != "U") return Plain();
    if (!ReadString(raw, decoded)) return false;
    char next;
    if (!Peek(next)) return false;
    const size_t after = position_;
    Word();
    if (at_end()) return Fail();
    const bool another = Next('\'') || Next('"');
    position_ = after;
    if (!another) return HasLoneSurrogate(decoded) ? Plain() : true;
  }
}

bool PythonReader::ReadString(bool raw, std::string& decoded) {
  const char quote = text_[position_];
  const std::string closing(3, quote);
  const bool triple = text_.substr(position_, 3) == closing;
  position_ += triple ? 3 : 1;
  while (!at_end()) {
    const char c = text_[position_];
    if (c == quote && (!triple || text_.substr(position_, 3) == closing)) {
      position_ += triple ? 3 : 1;
      return true;
    }
    if (c == '\0' || (!triple && (c == '\n' || c == '\r'))) return Plain();
    ++position_;
    if (c == '\\' && !raw) {
      if (!ReadEscape(decoded)) return false;
    } else if (c == '\\') {
      decoded += c;
      if (!at_end()) decoded += text_[position_++];
    } else if (c == '\r') {
      decoded += '\n';  // Python reads every line end as \n
      if (Next('\n')) ++position_;
    } else {
      decoded += c;
    }
  }
  return Fail();
}

bool PythonReader::ReadEscape(std::string& decoded) {
  if (at_end()) return Fail();
  const char c = text_[position_++];
  static constexpr std::string_view kLetters = "\\'\"abfnrtv";
  static constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  if (const size_t found = kLetters.find(c); found != std::string_view::npos) {
    decoded += kMeanings[found];
    return true;
  }
  if (c >= '0' && c <= '7') {
    uint32_t code = c - '0';
    for (int i = 0; i < 2 && !at_end() && text_[position_] >= '0' && text_[position_] <= '7'; ++i) {
      code = code * 8 + (text_[position_++] - '0');
    }
    AppendCodePoint(code, decoded);
    return true;
  }
  switch (c) {
    case 'x':
      return ReadCodePoint(2, decoded);
    case 'u':
      return ReadCodePoint(4, decoded);
    case 'U':
      return ReadCodePoint(8, decoded);
    case 'N':
      return Plain();  // a character by its Unicode name
    case '\n':
      return true;
    case '\r':
      if (Next('\n')) ++position_;
      return true;
    default:
      decoded += '\\';  // not an escape: Python keeps both
      decoded += c;
      return true;
  }
}

bool PythonReader::ReadCodePoint(int digits, std::string& decoded) {
  uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    if (at_end()) return Fail();
    const int value = PythonHexValue(text_[position_++]);
    if (value > 15) return Plain();
    code = code << 4 | value;
  }
  if (code > 0x10ffff) return Plain();
  AppendJoiningSurrogates(code, decoded);
  return true;
}

}  // namespace puna::api
