#include "engine/tokenizer/utf8.h"

#include <cstring>

namespace puna::engine {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// What may follow a lead byte: the number of continuation bytes and the range of the first of them.
struct Lead {
  uint8_t following;  // 0: not a lead byte
  uint8_t low;
  uint8_t high;
};

Lead LeadOf(unsigned char byte) {
  if (byte >= 0xc2 && byte <= 0xdf) return {1, 0x80, 0xbf};
  if (byte == 0xe0) return {2, 0xa0, 0xbf};
  if (byte == 0xed) return {2, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {2, 0x80, 0xbf};
  if (byte == 0xf0) return {3, 0x90, 0xbf};
  if (byte >= 0xf1 && byte <= 0xf3) return {3, 0x80, 0xbf};
  if (byte == 0xf4) return {3, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

Utf8Char DecodeUtf8(std::string_view text) {
  using Status = Utf8Char::Status;
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1, Status::kValid};
  const Lead lead = LeadOf(first);
  if (lead.following == 0) return {0xfffd, 1, Status::kInvalid};
  uint32_t code_point = first & (0x3fu >> lead.following);
  for (uint8_t i = 1; i <= lead.following; ++i) {
    if (i == text.size()) return {0xfffd, i, Status::kIncomplete};
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool fits = i == 1 ? byte >= lead.low && byte <= lead.high : (byte & 0xc0) == 0x80;
    if (!fits) return {0xfffd, i, Status::kInvalid};
    code_point = code_point << 6 | (byte & 0x3fu);
  }
  return {code_point, static_cast<uint8_t>(lead.following + 1), Status::kValid};
}

size_t ValidUtf8Prefix(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080u;
  size_t pos = 0;
  while (pos < text.size()) {
    while (pos + sizeof(uint64_t) <= text.size()) {  // eight ASCII bytes at a time
      uint64_t word;
      std::memcpy(&word, text.data() + pos, sizeof word);
      if ((word & kHighBits) != 0) break;
      pos += sizeof word;
    }
    if (pos == text.size()) break;
    const Utf8Char c = DecodeUtf8(text.substr(pos));
    if (c.status != Utf8Char::Status::kValid) return pos;
    pos += c.length;
  }
  return pos;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const size_t valid = ValidUtf8Prefix(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) return out;
    out += kReplacement;
    text.remove_prefix(DecodeUtf8(text).length);
  }
}

}  // namespace puna::engine
