#include "engine/text/utf8.h"

#include <cstring>

namespace puna::text {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr uint64_t kHighBits = 0x8080808080808080u;  // of eight bytes

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

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

Utf8Char DecodeUtf8(std::string_view text, size_t at) {
  text.remove_prefix(at);
  using Status = Utf8Char::Status;
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1, Status::kValid};
  const Lead lead = LeadOf(first);
  if (lead.following == 0) return {0xfffd, 1, Status::kInvalid};
  char32_t code_point = first & (0x3fu >> lead.following);
  for (uint8_t i = 1; i <= lead.following; ++i) {
    if (i == text.size()) return {0xfffd, i, Status::kIncomplete};
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool fits = i == 1 ? byte >= lead.low && byte <= lead.high : IsContinuation(text[i]);
    if (!fits) return {0xfffd, i, Status::kInvalid};
    code_point = code_point << 6 | (byte & 0x3fu);
  }
  return {code_point, static_cast<uint8_t>(lead.following + 1), Status::kValid};
}

Utf8Char DecodeUtf8Before(std::string_view text, size_t end) {
  text = text.substr(0, end);
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && IsContinuation(text[start])) --start;
  const Utf8Char c = DecodeUtf8(text, start);
  if (c.status == Utf8Char::Status::kValid && c.length == end - start) return c;
  return {0xfffd, 1, Utf8Char::Status::kInvalid};
}

void AppendUtf8(char32_t c, std::string& out) {
  const auto add = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      add(0xe0 | c >> 12);
    } else {
      add(0xf0 | c >> 18);
      add(0x80 | (c >> 12 & 0x3f));
    }
    add(0x80 | (c >> 6 & 0x3f));
  }
  add(0x80 | (c & 0x3f));
}

size_t ValidUtf8Prefix(std::string_view text) {
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

std::vector<char32_t> CodePoints(std::string_view text) {
  std::vector<char32_t> chars;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text, at);
    chars.push_back(c.code_point);
    at += c.length;
  }
  return chars;
}

size_t CountCodePoints(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  size_t continuations = 0, pos = 0;
  for (; pos + sizeof(uint64_t) <= text.size(); pos += sizeof(uint64_t)) {  // their highest bit is set, the next is not
    uint64_t word;
    std::memcpy(&word, text.data() + pos, sizeof word);
    continuations += ((word & ~(word << 1) & kHighBits) >> 7) * kOnes >> 56;  // all bytes' sum, in the highest
  }
  for (; pos < text.size(); ++pos) continuations += IsContinuation(text[pos]) ? 1 : 0;
  return text.size() - continuations;
}

std::string_view WholeCharacters(std::string_view text) {
  size_t start = text.size();
  while (start > 0 && text.size() - start < 3 && IsContinuation(text[start - 1])) --start;
  if (start == 0) return text;
  const uint8_t following = LeadOf(static_cast<unsigned char>(text[start - 1])).following;
  return text.size() - start < following ? text.substr(0, start - 1) : text;
}

}  // namespace puna::text
