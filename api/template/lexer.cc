#include "api/template/lexer.h"

#include <algorithm>

#include "api/template/template_error.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> Run() {
    while (at_ < source_.size()) ReadText();
    Add(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void FailHere(const std::string& message) const {
    throw TemplateError(TemplateError::Kind::kSyntax, message, "", line_);
  }

  void Add(TokenType type, std::string text) { tokens_.push_back({type, line_, std::move(text)}); }

  bool StartsWith(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  // Moves to `to`, counting lines.
  void Advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  size_t SkipSpace(size_t at) const {
    while (at < source_.size()) {
      const text::Utf8Char c = text::DecodeUtf8(source_, at);
      if (!text::IsSpace(c.code_point)) break;
      at += c.length;
    }
    return at;
  }

  // The text before a tag at `tag` loses its white space at the end: all of it after "-", that since the last newline
  // (lstrip_blocks) for blocks and comments unless "+".
  std::string_view Trimmed(std::string_view text, char sign, bool strips_line) const {
    if (sign == '-') {
      size_t end = text.size();
      while (end > 0) {
        const text::Utf8Char c = text::DecodeUtf8Before(text, end);
        if (!text::IsSpace(c.code_point)) break;
        end -= c.length;
      }
      return text.substr(0, end);
    }
    if (sign == '+' || !strips_line) return text;
    const size_t newline = text.rfind('\n');
    if (newline == text.npos && !line_starting_) return text;
    const size_t begin = newline == text.npos ? 0 : newline + 1;
    for (size_t at = begin; at < text.size();) {
      const text::Utf8Char c = text::DecodeUtf8(text, at);
      if (!text::IsSpace(c.code_point)) return text;
      at += c.length;
    }
    return text.substr(0, begin);
  }

  void AddData(std::string_view text) {
    if (!text.empty()) Add(TokenType::kData, std::string(text));
  }

  char SignAt(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }

  size_t FindTag() const {
    for (size_t at = source_.find('{', at_); at != source_.npos; at = source_.find('{', at + 1)) {
      if (at + 1 < source_.size() && std::string_view("{%#").find(source_[at + 1]) != std::string_view::npos) return at;
    }
    return source_.npos;
  }

  void ReadText() {
    const size_t tag = FindTag();
    if (tag == source_.npos) {
      AddData(source_.substr(at_));
      Advance(source_.size());
      return;
    }
    const char kind = source_[tag + 1];
    const char sign = SignAt(tag + 2);
    AddData(Trimmed(source_.substr(at_, tag - at_), sign, kind != '{'));
    const size_t raw = kind == '%' ? MatchTag(tag, "raw", false) : source_.npos;
    Advance(tag);
    if (raw != source_.npos) {
      ReadRaw(raw);
    } else if (kind == '#') {
      ReadComment(tag + (sign != '\0' ? 3 : 2));
    } else {
      Add(kind == '{' ? TokenType::kVariableBegin : TokenType::kBlockBegin, "");
      Advance(tag + (sign != '\0' ? 3 : 2));
      ReadTag(kind == '{' ? '}' : '%');
    }
  }

  // End of the tag {% name %} at `tag`, with what white space its end takes away; npos when it is not that tag.
  size_t MatchTag(size_t tag, std::string_view name, bool trims) const {
    const size_t at = SkipSpace(tag + (SignAt(tag + 2) != '\0' ? 3 : 2));
    if (!source_.substr(at).starts_with(name)) return source_.npos;
    return MatchEnd(SkipSpace(at + name.size()), "%}", trims, trims);
  }

  // The end of a tag at `at` ("-%}" takes the white space after it, "%}" a newline when it trims): where the text goes
  // on.
  size_t MatchEnd(size_t at, std::string_view mark, bool trims, bool plus) const {
    const std::string_view rest = source_.substr(at);
    if (rest.starts_with('-') && rest.substr(1).starts_with(mark)) return SkipSpace(at + 1 + mark.size());
    if (plus && rest.starts_with('+') && rest.substr(1).starts_with(mark)) return at + 1 + mark.size();
    if (!rest.starts_with(mark)) return source_.npos;
    const size_t end = at + mark.size();
    return trims && end < source_.size() && source_[end] == '\n' ? end + 1 : end;
  }

  void FinishTag(size_t end) {
    Advance(end);
    line_starting_ = end > 0 && source_[end - 1] == '\n';
  }

  void ReadRaw(size_t begin) {
    FinishTag(begin);
    for (size_t tag = source_.find("{%", begin); tag != source_.npos; tag = source_.find("{%", tag + 1)) {
      const size_t end = MatchTag(tag, "endraw", true);
      if (end == source_.npos) continue;
      AddData(Trimmed(source_.substr(begin, tag - begin), SignAt(tag + 2), true));
      FinishTag(end);
      return;
    }
    FailHere("Missing end of raw directive");
  }

  void ReadComment(size_t begin) {
    const size_t mark = source_.find("#}", begin);
    if (mark == source_.npos) FailHere("Missing end of comment tag");
    const bool sign = mark > begin && (source_[mark - 1] == '-' || source_[mark - 1] == '+');
    FinishTag(MatchEnd(sign ? mark - 1 : mark, "#}", true, true));
  }

  // The tokens inside a tag, up to its end.
  void ReadTag(char kind) {
    const bool block = kind == '%';
    std::string open;  // brackets not closed yet; inside them the tag's end is no end
    for (;;) {
      if (open.empty()) {
        const size_t end = MatchEnd(at_, block ? "%}" : "}}", block, block);
        if (end != source_.npos) {
          Add(block ? TokenType::kBlockEnd : TokenType::kVariableEnd, "");
          FinishTag(end);
          return;
        }
      }
      if (at_ >= source_.size()) {
        FailHere(std::string("the template ends inside a tag; expected '") + (block ? "%}" : "}}") + "'");
      }
      ReadToken(open);
    }
  }

  void ReadToken(std::string& open) {
    const size_t space = SkipSpace(at_);
    if (space > at_) return Advance(space);
    const char c = source_[at_];
    if (IsAsciiDigit(c)) return ReadNumber();
    if (c == '\'' || c == '"') return ReadString(c);
    const text::Utf8Char point = text::DecodeUtf8(source_, at_);
    if (c == '_' || text::IsAlpha(point.code_point)) return ReadName();
    ReadOperator(open);
  }

  void ReadName() {
    size_t end = at_;
    while (end < source_.size()) {
      const text::Utf8Char c = text::DecodeUtf8(source_, end);
      if (c.code_point != '_' && !text::IsAlnum(c.code_point)) break;
      end += c.length;
    }
    Add(TokenType::kName, std::string(source_.substr(at_, end - at_)));
    at_ = end;
  }

  // Digits with single underscores between them, from `at` on.
  template <typename IsDigitOf>
  size_t DigitsEnd(size_t at, IsDigitOf is_digit) const {
    size_t end = at;
    while (end < source_.size()) {
      const size_t next = source_[end] == '_' && end > at ? end + 1 : end;
      if (next >= source_.size() || !is_digit(source_[next])) break;
      end = next + 1;
    }
    return end;
  }

  size_t FloatEnd() const {
    const size_t whole = DigitsEnd(at_, IsAsciiDigit);
    size_t end = whole;
    if (end + 1 < source_.size() && source_[end] == '.' && IsAsciiDigit(source_[end + 1])) {
      end = DigitsEnd(end + 1, IsAsciiDigit);
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const size_t digits = end + (SignAt(end + 1) != '\0' ? 2 : 1);
      if (digits < source_.size() && IsAsciiDigit(source_[digits])) return DigitsEnd(digits, IsAsciiDigit);
    }
    return end > whole ? end : at_;
  }

  size_t IntegerEnd() const {
    const char mark = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : ' ';
    if (source_[at_] == '0' && (mark == 'x' || mark == 'o' || mark == 'b')) {
      const auto is_digit = [mark](char c) {
        if (mark == 'b') return c == '0' || c == '1';
        if (mark == 'o') return c >= '0' && c <= '7';
        return IsAsciiDigit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      };
      const size_t end = DigitsEnd(at_ + 2, is_digit);
      if (end > at_ + 2) return end;
    }
    if (source_[at_] == '0') return DigitsEnd(at_, [](char c) { return c == '0'; });
    return DigitsEnd(at_, IsAsciiDigit);
  }

  void ReadNumber() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // x.0.1: no float
    const size_t float_end = after_dot ? at_ : FloatEnd();
    const size_t end = float_end > at_ ? float_end : IntegerEnd();
    std::string text(source_.substr(at_, end - at_));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    Add(float_end > at_ ? TokenType::kFloat : TokenType::kInteger, std::move(text));
    at_ = end;
  }

  void ReadString(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) FailHere(std::string("a string that begins with ") + quote + " has no end");
    Add(TokenType::kString, Unescape(source_.substr(at_ + 1, end - at_ - 1), line_));
    Advance(end + 1);
  }

  void ReadOperator(std::string& open) {
    constexpr std::string_view kLong[] = {"//", "**", "==", "!=", ">=", "<="};
    for (const std::string_view op : kLong) {
      if (!StartsWith(op)) continue;
      Add(TokenType::kOperator, std::string(op));
      at_ += 2;
      return;
    }
    const char c = source_[at_];
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos) {
      const size_t size = text::DecodeUtf8(source_, at_).length;
      FailHere("unexpected char '" + std::string(source_.substr(at_, size)) + "'");
    }
    if (c == '{' || c == '(' || c == '[') open += c == '{' ? '}' : c == '(' ? ')' : ']';
    if (c == '}' || c == ')' || c == ']') {
      if (open.empty()) FailHere(std::string("unexpected '") + c + "'");
      if (open.back() != c) FailHere(std::string("unexpected '") + c + "', expected '" + open.back() + "'");
      open.pop_back();
    }
    Add(TokenType::kOperator, std::string(1, c));
    ++at_;
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // the text at at_ begins a line, or is the beginning
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) {
  std::string text = NormaliseNewlines(source);
  if (text.ends_with('\n')) text.pop_back();
  return Lexer(text).Run();
}

}  // namespace puna::api::jinja
