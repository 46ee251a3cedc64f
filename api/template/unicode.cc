#include "api/template/unicode.h"

#include <algorithm>

namespace puna::api::jinja {
namespace {

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

template <typename Row>
const Row* FindRow(const Row* rows, size_t size, char32_t c) {
  const Row* row = std::upper_bound(rows, rows + size, c, [](char32_t value, const Row& r) { return value < r.first; });
  if (row == rows) return nullptr;
  --row;
  return c <= row->last ? row : nullptr;
}

const CaseStep* FindStep(const CaseStep* rows, size_t size, char32_t c) {
  const CaseStep* row = FindRow(rows, size, c);
  return row != nullptr && (c - row->first) % static_cast<char32_t>(row->step) == 0 ? row : nullptr;
}

const CaseSpecial* FindSpecial(const CaseSpecial* rows, size_t size, char32_t c) {
  const CaseSpecial* row =
      std::lower_bound(rows, rows + size, c, [](const CaseSpecial& r, char32_t value) { return r.c < value; });
  return row != rows + size && row->c == c ? row : nullptr;
}

void AppendStepped(std::string& out, const CaseStep* rows, size_t size, char32_t c) {
  const CaseStep* row = FindStep(rows, size, c);
  AppendUtf8(out, row == nullptr ? c : static_cast<char32_t>(static_cast<int>(c) + row->delta));
}

}  // namespace

CodePoint DecodeUtf8(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + size > text.size()) return {0xFFFD, 1};
  char32_t value = lead & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[at + i])) return {0xFFFD, 1};
    value = value << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {0xFFFD, 1};
  return {value, size};
}

CodePoint DecodeUtf8Before(std::string_view text, size_t end) {
  const size_t limit = std::min<size_t>(4, end);
  for (size_t size = 1; size <= limit; ++size) {
    if (IsContinuation(text[end - size])) continue;
    const CodePoint c = DecodeUtf8(text, end - size);
    if (c.size == size) return c;
    break;
  }
  return {0xFFFD, 1};
}

void AppendUtf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t CountCodePoints(std::string_view text) {
  size_t continuations = 0;
  for (const char byte : text) continuations += IsContinuation(byte) ? 1 : 0;
  return text.size() - continuations;
}

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = DecodeUtf8(text, at);
    if (c.value == 0xFFFD && c.size == 1) return at;
    at += c.size;
  }
  return std::string_view::npos;
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsAlpha(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return FindRow(kAlphaRanges, kAlphaRangesSize, c) != nullptr;
}

bool IsDigit(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return FindRow(kDigitRanges, kDigitRangesSize, c) != nullptr;
}

bool IsNumeric(char32_t c) { return IsDigit(c) || FindRow(kNumericRanges, kNumericRangesSize, c) != nullptr; }

bool IsPrintable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7F;
  return FindRow(kUnprintableRanges, kUnprintableRangesSize, c) == nullptr;
}

bool IsUpper(char32_t c) { return FindStep(kUpperLetters, kUpperLettersSize, c) != nullptr; }

bool IsLower(char32_t c) { return FindStep(kLowerLetters, kLowerLettersSize, c) != nullptr; }

void AppendUpper(std::string& out, char32_t c) {
  if (const CaseSpecial* special = FindSpecial(kUpperSpecials, kUpperSpecialsSize, c)) {
    out += special->utf8;
  } else {
    AppendStepped(out, kUpperSteps, kUpperStepsSize, c);
  }
}

void AppendLower(std::string& out, char32_t c) {
  if (const CaseSpecial* special = FindSpecial(kLowerSpecials, kLowerSpecialsSize, c)) {
    out += special->utf8;
  } else {
    AppendStepped(out, kLowerSteps, kLowerStepsSize, c);
  }
}

void AppendTitle(std::string& out, char32_t c) {
  if (const CaseSpecial* special = FindSpecial(kTitleSpecials, kTitleSpecialsSize, c)) {
    out += special->utf8;
  } else {
    AppendUpper(out, c);
  }
}

}  // namespace puna::api::jinja
