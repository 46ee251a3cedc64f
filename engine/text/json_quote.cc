#include "engine/text/json_quote.h"

#include "engine/text/utf8.h"

namespace puna::text {
namespace {

void AppendHex(char32_t unit, std::string& out) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[unit >> shift & 15];
}

// Whether a byte of UTF-8 stands for itself.
bool IsPlain(char byte) { return static_cast<unsigned char>(byte) >= 0x20 && byte != '"' && byte != '\\'; }

}  // namespace

std::string JsonEscape(char32_t c, bool ascii_only) {
  static constexpr std::string_view kChars = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
  std::string out;
  const size_t at = c < 0x80 ? kChars.find(static_cast<char>(c)) : std::string_view::npos;
  if (at != std::string_view::npos) {
    out = {'\\', kLetters[at]};
  } else if (c < 0x20 || (ascii_only && c > 0x7E && c < 0x10000)) {
    AppendHex(c, out);
  } else if (ascii_only && c >= 0x10000) {
    AppendHex(0xD800 + ((c - 0x10000) >> 10), out);
    AppendHex(0xDC00 + ((c - 0x10000) & 0x3FF), out);
  }
  return out;
}

void AppendJsonChar(char32_t c, std::string& out) {
  const std::string escape = JsonEscape(c);
  if (escape.empty()) return AppendUtf8(c, out);
  out += escape;
}

void AppendJsonString(std::string_view utf8, std::string& out) {
  out += '"';
  size_t plain = 0;
  for (size_t i = 0; i < utf8.size(); ++i) {
    if (IsPlain(utf8[i])) continue;
    out += utf8.substr(plain, i - plain);
    out += JsonEscape(static_cast<unsigned char>(utf8[i]));
    plain = i + 1;
  }
  out += utf8.substr(plain);
  out += '"';
}

}  // namespace puna::text
