#include "api/tool_calls/python_literal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/text/json_quote.h"

namespace puna::api {

namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxIntegerDigits = 4300;  // Python's own limit

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What names are made of. Beyond ASCII judged by the lead byte alone: U+00C0..U+1FFF and
// U+4000..U+D7FF are taken for letters; symbols, typographic marks and pictures lie outside.
bool IsNameByte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  if (byte < 0x80) return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return (byte >= 0x80 && byte <= 0xbf) || (byte >= 0xc3 && byte <= 0xe1) || (byte >= 0xe4 && byte <= 0xed);
}

bool IsKeyword(std::string_view word) {
  static constexpr std::array<std::string_view, 35> kKeywords = {
      "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
      "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
      "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
      "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

}  // namespace

int PythonHexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

bool PythonReader::Fail() {
  verdict_ = at_end() ? Verdict::kPartial : Verdict::kPlain;
  return false;
}

bool PythonReader::Plain() {
  verdict_ = Verdict::kPlain;
  return false;
}

void PythonReader::SkipSpace() {
  for (; !at_end(); ++position_) {
    const char c = text_[position_];
    if (c == '#') {
      position_ = std::min(text_.find('\n', position_), text_.size());
      if (at_end()) return;
    } else if (c == '\\' && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') {
      ++position_;
    } else if (c != ' ' && c != '\t' && c != '\f' && c != '\n' && c != '\r') {
      return;
    }
  }
}

bool PythonReader::Peek(char& next) {
  SkipSpace();
  if (at_end()) return Fail();
  next = text_[position_];
  return true;
}

bool PythonReader::Take(char expected) {
  SkipSpace();
  if (!Next(expected)) return Fail();
  ++position_;
  return true;
}

std::string_view PythonReader::Word() {
  const size_t start = position_;
  while (!at_end() && IsNameByte(text_[position_])) ++position_;
  return text_.substr(start, position_ - start);
}

bool PythonReader::ReadName(std::string& name) {
  SkipSpace();
  const std::string_view word = Word();
  if (at_end()) return Fail();
  if (word.empty() || IsDigit(word[0]) || IsKeyword(word)) return Plain();
  name = word;
  return true;
}

bool PythonReader::ReadValue(std::string& json) {
  char next;
  if (!Peek(next)) return false;
  if (next == '[' || next == '(' || next == '{') {
    if (depth_ == kMaxDepth) return Plain();
    ++depth_;
    ++position_;
    const bool read = next == '{' ? ReadDictionary(json) : ReadList(next == '[' ? ']' : ')', json);
    --depth_;
    return read;
  }
  if (next == '+' || next == '-') {
    ++position_;
    const size_t start = json.size();
    if (next == '-') json += '-';
    if (!Peek(next)) return false;
    if (!IsDigit(next) && next != '.') return Plain();
    if (!ReadNumber(json)) return false;
    if (json.substr(start) == "-0") json.resize(start), json += '0';
    return true;
  }
  return IsDigit(next) || next == '.' ? ReadNumber(json) : ReadWordOrString(json);
}

bool PythonReader::ReadWordOrString(std::string& json) {
  const size_t start = position_;
  const std::string_view word = Word();
  if (at_end()) return Fail();
  if (Next('\'') || Next('"')) {
    position_ = start;
    std::string decoded;
    if (!ReadStrings(decoded)) return false;
    text::AppendJsonString(decoded, json);
    return true;
  }
  if (word == "True")
    json += "true";
  else if (word == "False")
    json += "false";
  else if (word == "None")
    json += "null";
  else
    return Plain();
  return true;
}

// Digits with single underscores between them.
bool PythonReader::ReadDigits(std::string& digits) {
  while (!at_end() && (IsDigit(text_[position_]) || Next('_'))) {
    const char c = text_[position_++];
    if (c != '_')
      digits += c;
    else if (digits.empty() || !IsDigit(text_[position_ - 2]))
      return Plain();
  }
  if (at_end()) return Fail();
  return text_[position_ - 1] == '_' ? Plain() : true;
}

bool PythonReader::ReadNumber(std::string& json) {
  if (Next('0') && position_ + 1 < text_.size()) {
    const char kind = static_cast<char>(text_[position_ + 1] | 0x20);
    if (kind == 'x' || kind == 'o' || kind == 'b') {
      return ReadInteger(kind == 'x' ? 16 : kind == 'o' ? 8 : 2, json);
    }
  }
  std::string number;
  if (!ReadDigits(number)) return false;
  const std::string integer = number;
  if (!ReadFraction(number)) return false;
  if (IsNameByte(text_[position_])) return Plain();  // 1j, 1x
  if (number != integer) {
    const double value = std::strtod(number.c_str(), nullptr);
    if (!std::isfinite(value)) return Plain();
    json += nlohmann::json(value).dump();
    return true;
  }
  const bool zero = integer.find_first_not_of('0') == std::string::npos;
  if (integer.size() > kMaxIntegerDigits || (integer[0] == '0' && !zero)) return Plain();
  json += zero ? "0" : integer;
  return true;
}

// The point and the exponent after the digits in `number`, when there are any.
bool PythonReader::ReadFraction(std::string& number) {
  if (Next('.')) {
    std::string fraction;
    ++position_;
    if (!at_end() && IsDigit(text_[position_]) && !ReadDigits(fraction)) return false;
    if (at_end()) return Fail();
    if (number.empty() && fraction.empty()) return Plain();
    number += '.' + fraction;
  }
  if (Next('e') || Next('E')) {
    number += text_[position_++];
    if (Next('+') || Next('-')) number += text_[position_++];
    std::string exponent;
    if (!at_end() && !IsDigit(text_[position_])) return Plain();
    if (!ReadDigits(exponent)) return false;
    number += exponent;
  }
  return at_end() ? Fail() : true;
}

bool PythonReader::ReadInteger(int base, std::string& json) {
  position_ += 2;
  uint64_t value = 0;
  bool digit_before = true;  // 0x_1 is allowed
  bool any = false;
  for (; !at_end() && (IsNameByte(text_[position_])); ++position_) {
    const char c = text_[position_];
    if (c == '_') {
      if (!digit_before) return Plain();
      digit_before = false;
      continue;
    }
    const int digit = PythonHexValue(c);
    if (digit >= base || value > (UINT64_MAX - digit) / base) return Plain();
    value = value * base + digit;
    digit_before = any = true;
  }
  if (at_end()) return Fail();
  if (!any || !digit_before) return Plain();
  json += std::to_string(value);
  return true;
}

// After the opening bracket. `(x)` is x itself, `(x,)` and `()` are tuples.
bool PythonReader::ReadList(char close, std::string& json) {
  const size_t start = json.size();
  json += '[';
  char next;
  int count = 0;
  bool comma = false;
  while (Peek(next)) {
    if (next == close) {
      ++position_;
      json += ']';
      if (close == ')' && count == 1 && !comma) {
        json.pop_back();
        json.erase(start, 1);
      }
      return true;
    }
    if (count > 0 && !comma) return Plain();
    if (count > 0) json += ',';
    if (!ReadValue(json)) return false;
    ++count;
    if (!Peek(next)) return false;
    comma = next == ',';
    if (comma) ++position_;
  }
  return false;
}

bool PythonReader::ReadDictionary(std::string& json) {
  std::vector<std::pair<std::string, std::string>> members;
  std::unordered_map<std::string, size_t> places;
  char next;
  bool comma = true;
  while (Peek(next)) {
    if (next == '}') break;
    if (!comma) return Plain();
    std::string key, value;
    if (!ReadKey(key) || !Take(':') || !ReadValue(value) || !Peek(next)) return false;
    const auto [place, added] = places.emplace(key, members.size());
    if (added)
      members.emplace_back(std::move(key), std::move(value));
    else
      members[place->second].second = std::move(value);  // the last one counts
    comma = next == ',';
    if (comma) ++position_;
  }
  if (at_end()) return Fail();
  ++position_;
  const char* before = "{";
  for (const auto& [key, value] : members) {
    json += before;
    text::AppendJsonString(key, json);
    json.append(":").append(value);
    before = ",";
  }
  json += members.empty() ? "{}" : "}";
  return true;
}

bool PythonReader::ReadKey(std::string& key) {
  char next;
  if (!Peek(next)) return false;
  if (next == '[' || next == '(' || next == '{' || next == '+' || next == '-') return Plain();
  std::string json;
  if (!ReadValue(json)) return false;
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  key = value.is_string() ? value.get<std::string>() : json;
  return true;
}

}  // namespace puna::api
