// What Python's str says of one character: chat templates and the formats of tool calls go by it. The tables' Unicode
// version is kUnicodeVersion of char_class.h: make_unicode_tables.py writes both.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace puna::text {

// As the str methods of the same names (isspace, isalpha, ...).
bool IsSpace(char32_t c);
bool IsAlpha(char32_t c);
bool IsDigit(char32_t c);
bool IsNumeric(char32_t c);
bool IsPrintable(char32_t c);
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
inline bool IsAlnum(char32_t c) { return IsAlpha(c) || IsNumeric(c); }

// The character's upper, lower or title form: up to three characters, appended to out.
void AppendUpper(char32_t c, std::string& out);
void AppendLower(char32_t c, std::string& out);
void AppendTitle(char32_t c, std::string& out);

// The position after the white space (IsSpace) at byte `at`; `text` may be cut inside its last character.
size_t SkipSpace(std::string_view text, size_t at);
// `text` without the white space at its end.
std::string_view TrimSpaceRight(std::string_view text);

}  // namespace puna::text
