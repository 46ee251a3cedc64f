// String literals, as Python's "unicode-escape" codec reads them.
#include <cstdio>

#include "api/template/lexer.h"
#include "api/template/template_error.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

class Unescaper {
 public:
  Unescaper(std::string_view inside, int line) : inside_(inside), line_(line) {}

  std::string Run() {
    while (at_ < inside_.size()) {
      if (inside_[at_] == '\\' && at_ + 1 < inside_.size()) {
        ++at_;
        Escape();
      } else {
        out_ += inside_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void FailAt(const std::string& message) const {
    throw TemplateError(TemplateError::Kind::kSyntax, message, "", line_);
  }

  void Escape() {
    constexpr std::string_view kLetters = "ntrabfv\\'\"";
    constexpr std::string_view kMeanings = "\n\t\r\a\b\f\v\\'\"";
    const char c = inside_[at_];
    if (const size_t i = kLetters.find(c); i != kLetters.npos) {
      out_ += kMeanings[i];
      ++at_;
    } else if (c == '\n') {
      ++at_;
    } else if (c >= '0' && c <= '7') {
      Octal();
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      AppendEscaped(Hex(c == 'x' ? 2 : c == 'u' ? 4 : 8));
    } else if (c == 'N') {
      FailAt("\\N{...} in a string is not supported");
    } else {
      Unknown();
    }
  }

  void Octal() {
    char32_t value = 0;
    for (int i = 0; i < 3 && at_ < inside_.size() && inside_[at_] >= '0' && inside_[at_] <= '7'; ++i) {
      value = value * 8 + static_cast<char32_t>(inside_[at_++] - '0');
    }
    text::AppendUtf8(value, out_);
  }

  char32_t Hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < inside_.size() ? inside_[at_] : ' ';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) FailAt("truncated \\x, \\u or \\U escape in a string");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  void AppendEscaped(char32_t c) {
    const bool pair = c >= 0xD800 && c < 0xDC00 && inside_.substr(at_, 2) == "\\u";
    if (pair) {
      at_ += 2;
      const char32_t low = Hex(4);
      if (low < 0xDC00 || low > 0xDFFF) FailAt("half of a surrogate pair in a string");
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c >= 0xD800 && c <= 0xDFFF) FailAt("half of a surrogate pair in a string");
    if (c > 0x10FFFF) FailAt("illegal Unicode character in a string");
    text::AppendUtf8(c, out_);
  }

  // Python keeps the backslash of an escape that it does not know. Jinja writes other characters than ASCII as escapes
  // first, so a backslash before one leaves that escape's text.
  void Unknown() {
    out_ += '\\';
    const text::Utf8Char c = text::DecodeUtf8(inside_, at_);
    at_ += c.length;
    if (c.code_point < 0x80) {
      out_ += static_cast<char>(c.code_point);
      return;
    }
    char text[16];
    const char* form = c.code_point < 0x100 ? "x%02x" : c.code_point < 0x10000 ? "u%04x" : "U%08x";
    std::snprintf(text, sizeof text, form, static_cast<unsigned>(c.code_point));
    out_ += text;
  }

  std::string_view inside_;
  int line_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string Unescape(std::string_view inside, int line) { return Unescaper(inside, line).Run(); }

std::string NormaliseNewlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace puna::api::jinja
