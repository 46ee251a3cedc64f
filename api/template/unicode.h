// UTF-8 and what Python's str knows about characters. Tables: make_unicode_tables.py.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace puna::api::jinja {

struct CodePoint {
  char32_t value;  // U+FFFD for a byte that begins no character
  size_t size;     // bytes, at least 1
};

// The character at byte `at` (at < text.size()).
CodePoint DecodeUtf8(std::string_view text, size_t at);
// The character that ends before byte `end` (0 < end <= text.size()).
CodePoint DecodeUtf8Before(std::string_view text, size_t end);
void AppendUtf8(std::string& out, char32_t c);
// Characters in valid UTF-8: the bytes that are not continuation bytes.
size_t CountCodePoints(std::string_view text);
// Byte offset of the first byte that is not part of valid UTF-8; npos when all is.
size_t FindInvalidUtf8(std::string_view text);

// As the str methods of the same names (isspace, isalpha, ...), of one character.
bool IsSpace(char32_t c);
bool IsAlpha(char32_t c);
bool IsDigit(char32_t c);
bool IsNumeric(char32_t c);
bool IsPrintable(char32_t c);
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
inline bool IsAlnum(char32_t c) { return IsAlpha(c) || IsNumeric(c); }

// The character's upper, lower or title form in UTF-8: up to three characters, appended to out.
void AppendUpper(std::string& out, char32_t c);
void AppendLower(std::string& out, char32_t c);
void AppendTitle(std::string& out, char32_t c);

// The tables, sorted.
struct CodePointRange {
  char32_t first, last;
};
struct CaseStep {
  char32_t first, last;
  int step;   // every `step`-th character from first to last
  int delta;  // moves by this
};
struct CaseSpecial {
  char32_t c;
  const char* utf8;
};
extern const CodePointRange kAlphaRanges[], kDigitRanges[], kNumericRanges[], kUnprintableRanges[];
extern const size_t kAlphaRangesSize, kDigitRangesSize, kNumericRangesSize, kUnprintableRangesSize;
extern const CaseStep kUpperLetters[], kLowerLetters[], kUpperSteps[], kLowerSteps[];
extern const size_t kUpperLettersSize, kLowerLettersSize, kUpperStepsSize, kLowerStepsSize;
extern const CaseSpecial kUpperSpecials[], kLowerSpecials[], kTitleSpecials[];
extern const size_t kUpperSpecialsSize, kLowerSpecialsSize, kTitleSpecialsSize;

}  // namespace puna::api::jinja
