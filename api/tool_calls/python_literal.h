// Python literals as JSON text, for tool calls in the pythonic format.
#pragma once

#include <string>
#include <string_view>

#include "api/tool_calls/call_text.h"

namespace puna::api {

// Reads forward through a text inside brackets. A reader that returns false has set the verdict:
// kPartial when it came to the end of the text, kPlain when the text cannot be what was asked for;
// nothing may be read after that.
class PythonReader {
 public:
  explicit PythonReader(std::string_view text, size_t position) : text_(text), position_(position) {}

  void SkipSpace();                   // blanks, line ends, comments, joined lines: what may stand between tokens
                                      // inside brackets
  bool Take(char expected);           // after white space
  bool Peek(char& next);              // after white space; false at the end
  bool ReadName(std::string& name);   // an identifier that is not a keyword
  bool ReadValue(std::string& json);  // a literal, appended to `json`

  size_t position() const { return position_; }
  Verdict verdict() const { return verdict_; }
  bool Fail();  // at the end of the text kPartial, else kPlain
  bool Plain();

 private:
  bool at_end() const { return position_ >= text_.size(); }
  bool Next(char c) const { return !at_end() && text_[position_] == c; }
  std::string_view Word();
  bool ReadWordOrString(std::string& json);
  bool ReadStrings(std::string& decoded);
  bool ReadString(bool raw, std::string& decoded);
  bool ReadEscape(std::string& decoded);
  bool ReadCodePoint(int digits, std::string& decoded);
  bool ReadNumber(std::string& json);
  bool ReadFraction(std::string& number);
  bool ReadInteger(int base, std::string& json);
  bool ReadDigits(std::string& digits);
  bool ReadList(char close, std::string& json);
  bool ReadDictionary(std::string& json);
  bool ReadKey(std::string& key);

  std::string_view text_;
  size_t position_;
  int depth_ = 0;
  Verdict verdict_ = Verdict::kPartial;
};

// 0..15, or more when `c` is no hexadecimal digit.
int PythonHexValue(char c);

}  // namespace puna::api
