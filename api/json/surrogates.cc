#include "api/json/surrogates.h"

#include <charconv>

namespace puna::api {

namespace {

constexpr size_t kEscapeSize = 6;  // \uXXXX

// The UTF-16 unit that the escape at `at` stands for; -1 when it is no such escape.
int UnitAt(std::string_view text, size_t at) {
  if (at + kEscapeSize > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = -1;
  const char* begin = text.data() + at + 2;
  const auto [end, fault] = std::from_chars(begin, begin + 4, unit, 16);
  return fault == std::errc() && end == begin + 4 && unit >= 0 ? unit : -1;
}

bool IsHigh(int unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool IsLow(int unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// The first lone surrogate from `at` on. Backslashes stand in strings only, so that strings need not be told from the rest.
size_t FindFrom(std::string_view text, size_t at) {
  while ((at = text.find('\\', at)) != text.npos) {
    const int unit = UnitAt(text, at);
    if (IsLow(unit)) return at;
    if (IsHigh(unit)) {
      if (!IsLow(UnitAt(text, at + kEscapeSize))) return at;
      at += kEscapeSize;
    }
    at += unit < 0 ? 2 : kEscapeSize;
  }
  return text.npos;
}

}  // namespace

size_t FindLoneSurrogate(std::string_view json) { return FindFrom(json, 0); }

std::string ReplaceLoneSurrogates(std::string json) {
  for (size_t at = 0; (at = FindFrom(json, at)) != json.npos; at += kEscapeSize)
    json.replace(at, kEscapeSize, "\\ufffd");
  return json;
}

}  // namespace puna::api
