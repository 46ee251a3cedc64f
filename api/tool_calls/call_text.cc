#include "api/tool_calls/call_text.h"

#include <cstdint>

namespace puna::api {

namespace {

// Bytes of the white-space character at `i`, 0 when there is none.
size_t SpaceLength(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return i + k < text.size() ? static_cast<uint8_t>(text[i + k]) : 0; };
  const uint8_t first = byte(0);
  if (i < text.size() && ((first >= 0x09 && first <= 0x0d) || (first >= 0x1c && first <= 0x20))) return 1;
  if (first == 0xc2) return byte(1) == 0x85 || byte(1) == 0xa0 ? 2 : 0;
  const uint32_t rest = static_cast<uint32_t>(byte(1)) << 8 | byte(2);
  if (first == 0xe1) return rest == 0x9a80 ? 3 : 0;  // U+1680
  if (first == 0xe3) return rest == 0x8080 ? 3 : 0;  // U+3000
  if (first != 0xe2) return 0;
  const bool space = (rest >= 0x8080 && rest <= 0x808a) ||                  // U+2000..200A
                     rest == 0x80a8 || rest == 0x80a9 || rest == 0x80af ||  // U+2028, 2029, 202F
                     rest == 0x819f;                                        // U+205F
  return space ? 3 : 0;
}

}  // namespace

size_t SkipUnicodeSpace(std::string_view text, size_t i) {
  while (const size_t length = SpaceLength(text, i)) i += length;
  return i;
}

std::string_view TrimUnicodeSpaceRight(std::string_view text) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 3 && (static_cast<uint8_t>(text[start]) & 0xc0) == 0x80) {
      --start;
    }
    if (SpaceLength(text, start) != text.size() - start) return text;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string_view WholeCharacters(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const uint8_t byte = static_cast<uint8_t>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (length > back) text.remove_suffix(back);
    return text;
  }
  return text;
}

}  // namespace puna::api
