#include "engine/text/characters.h"

#include <algorithm>
#include <span>

#include "engine/text/utf8.h"

namespace puna::text {
namespace {

// The tables are sorted.
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
#include "engine/text/characters.inc"

template <typename Row>
const Row* FindRow(std::span<const Row> rows, char32_t c) {
  const auto row =
      std::upper_bound(rows.begin(), rows.end(), c, [](char32_t value, const Row& r) { return value < r.first; });
  if (row == rows.begin()) return nullptr;
  const Row& found = *(row - 1);
  return c <= found.last ? &found : nullptr;
}

bool Contains(std::span<const CodePointRange> rows, char32_t c) { return FindRow(rows, c) != nullptr; }

const CaseStep* FindStep(std::span<const CaseStep> rows, char32_t c) {
  const CaseStep* row = FindRow(rows, c);
  return row != nullptr && (c - row->first) % static_cast<char32_t>(row->step) == 0 ? row : nullptr;
}

// Appends the special form, if c has one.
bool AppendSpecial(std::span<const CaseSpecial> rows, char32_t c, std::string& out) {
  const auto row =
      std::lower_bound(rows.begin(), rows.end(), c, [](const CaseSpecial& r, char32_t v) { return r.c < v; });
  if (row == rows.end() || row->c != c) return false;
  out += row->utf8;
  return true;
}

void AppendStepped(std::span<const CaseStep> rows, char32_t c, std::string& out) {
  const CaseStep* row = FindStep(rows, c);
  AppendUtf8(row == nullptr ? c : static_cast<char32_t>(static_cast<int>(c) + row->delta), out);
}

}  // namespace

bool IsSpace(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsAlpha(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return Contains(kAlphaRanges, c);
}

bool IsDigit(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return Contains(kDigitRanges, c);
}

bool IsNumeric(char32_t c) { return IsDigit(c) || Contains(kNumericRanges, c); }

bool IsPrintable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7F;
  return !Contains(kUnprintableRanges, c);
}

bool IsUpper(char32_t c) { return FindStep(kUpperLetters, c) != nullptr; }

bool IsLower(char32_t c) { return FindStep(kLowerLetters, c) != nullptr; }

void AppendUpper(char32_t c, std::string& out) {
  if (!AppendSpecial(kUpperSpecials, c, out)) AppendStepped(kUpperSteps, c, out);
}

void AppendLower(char32_t c, std::string& out) {
  if (!AppendSpecial(kLowerSpecials, c, out)) AppendStepped(kLowerSteps, c, out);
}

void AppendTitle(char32_t c, std::string& out) {
  if (!AppendSpecial(kTitleSpecials, c, out)) AppendUpper(c, out);
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Utf8Char c = DecodeUtf8(text, at);
    if (!IsSpace(c.code_point)) break;
    at += c.length;
  }
  return at;
}

std::string_view TrimSpaceRight(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = DecodeUtf8Before(text, text.size());
    if (!IsSpace(c.code_point)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

}  // namespace puna::text
