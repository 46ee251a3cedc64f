#include "engine/tokenizer/pretokenize.h"

#include "engine/text/char_class.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

struct Char {
  text::CharClass kind;
  size_t length;
};

inline Char CharAt(std::string_view text, size_t pos) {
  const auto byte = static_cast<unsigned char>(text[pos]);
  if (byte < 0x80) [[likely]] {
    return {text::kAsciiClass[byte], 1};
  }
  size_t length;
  const uint32_t code_point = text::DecodeValidUtf8(text.data() + pos, &length);
  return {text::ClassOf(code_point), length};
}

inline bool IsNewline(char c) { return c == '\r' || c == '\n'; }

// The end of the run of characters of one class that starts at `pos`.
inline size_t RunEnd(std::string_view text, size_t pos, text::CharClass kind) {
  while (pos < text.size()) {
    const Char c = CharAt(text, pos);
    if (c.kind != kind) break;
    pos += c.length;
  }
  return pos;
}

// Length of a contraction ('s 't 're 've 'm 'll 'd) at `pos`, where an apostrophe stands; 0 if
// there is none. Case is folded as Unicode does, by which U+017F (long s) is an s; no other letter
// outside ASCII folds to one of these.
size_t ContractionLength(std::string_view text, size_t pos) {
  const auto lower = [&](size_t i) { return pos + i < text.size() ? static_cast<char>(text[pos + i] | 0x20) : '\0'; };
  switch (lower(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return lower(2) == 'e' ? 3 : 0;
    case 'l':
      return lower(2) == 'l' ? 3 : 0;
    default:
      return text.substr(pos + 1, 2) == "\xc5\xbf" ? 3 : 0;
  }
}

// \p{N}{1,3}
size_t NumberEnd(std::string_view text, size_t pos) {
  for (int digits = 0; digits < 3 && pos < text.size(); ++digits) {
    const Char c = CharAt(text, pos);
    if (c.kind != text::CharClass::kNumber) break;
    pos += c.length;
  }
  return pos;
}

// [^\s\p{L}\p{N}]+[\r\n]*
size_t PunctuationEnd(std::string_view text, size_t pos) {
  pos = RunEnd(text, pos, text::CharClass::kOther);
  while (pos < text.size() && IsNewline(text[pos])) ++pos;
  return pos;
}

// \s*[\r\n]+ | \s+(?!\S) | \s+: up to the last line end of the run; without one, the whole run at
// the end of the text, else all but its last character (that one goes to what follows), else the
// single character.
size_t SpaceEnd(std::string_view text, size_t start) {
  size_t pos = start;
  size_t last_char = start;
  size_t after_newline = 0;
  while (pos < text.size()) {
    const Char c = CharAt(text, pos);
    if (c.kind != text::CharClass::kSpace) break;
    last_char = pos;
    pos += c.length;
    if (IsNewline(text[last_char])) after_newline = pos;
  }
  if (after_newline != 0) return after_newline;
  if (pos == text.size() || last_char == start) return pos;
  return last_char;
}

}  // namespace

size_t PreTokenEnd(std::string_view text, size_t pos) {
  const Char first = CharAt(text, pos);
  const size_t second = pos + first.length;
  if (first.kind == text::CharClass::kLetter) return RunEnd(text, second, text::CharClass::kLetter);
  if (first.kind == text::CharClass::kNumber) return NumberEnd(text, pos);
  if (text[pos] == '\'') {
    if (const size_t length = ContractionLength(text, pos); length != 0) return pos + length;
  }
  if (second < text.size() && !IsNewline(text[pos])) {
    const Char next = CharAt(text, second);
    if (next.kind == text::CharClass::kLetter) {
      return RunEnd(text, second + next.length, text::CharClass::kLetter);
    }
    if (text[pos] == ' ' && next.kind == text::CharClass::kOther) return PunctuationEnd(text, second);
  }
  if (first.kind == text::CharClass::kOther) return PunctuationEnd(text, pos);
  return SpaceEnd(text, pos);
}

}  // namespace puna::engine
