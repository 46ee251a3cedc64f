#include "api/json/json_scanner.h"

namespace puna::api {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

JsonScanner::State JsonScanner::Feed(char c) {
  event_ = Event::kNone;
  opened_ = false;
  switch (expect_) {
    case Expect::kString:
    case Expect::kEscape:
    case Expect::kHex:
      return StringByte(c);
    case Expect::kLiteral:
      if (c != literal_.front()) return Error();
      literal_.remove_prefix(1);
      return literal_.empty() ? EndValue() : State::kMore;
    case Expect::kValue:
    case Expect::kFirstValueOrEnd:
      return StartValue(c);
    case Expect::kFirstKeyOrEnd:
    case Expect::kKey:
      return StartKey(c);
    case Expect::kColon:
      if (IsSpace(c)) return State::kMore;
      if (c != ':') return Error();
      expect_ = Expect::kValue;
      return State::kMore;
    case Expect::kCommaOrEnd:
      return AfterValue(c);
    default:
      return NumberByte(c);
  }
}

JsonScanner::State JsonScanner::StartValue(char c) {
  if (IsSpace(c)) return State::kMore;
  if (c == ']' && expect_ == Expect::kFirstValueOrEnd) return Close();
  event_ = Event::kValueStart;
  if (c == '{' || c == '[') return Open(c);
  if (open_.empty()) return Error();
  if (c == '"') {
    in_key_ = false;
    expect_ = Expect::kString;
  } else if (c == '-') {
    expect_ = Expect::kMinus;
  } else if (c == '0') {
    expect_ = Expect::kZero;
  } else if (IsDigit(c)) {
    expect_ = Expect::kInteger;
  } else if (c == 't' || c == 'f' || c == 'n') {
    literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    expect_ = Expect::kLiteral;
  } else {
    return Error();
  }
  return State::kMore;
}

JsonScanner::State JsonScanner::StartKey(char c) {
  if (IsSpace(c)) return State::kMore;
  if (c == '}' && expect_ == Expect::kFirstKeyOrEnd) return Close();
  if (c != '"') return Error();
  in_key_ = true;
  event_ = Event::kKeyStart;
  expect_ = Expect::kString;
  return State::kMore;
}

JsonScanner::State JsonScanner::StringByte(char c) {
  if (expect_ == Expect::kEscape) {
    if (c == 'u') {
      hex_left_ = 4;
      expect_ = Expect::kHex;
      return State::kMore;
    }
    expect_ = Expect::kString;
    return std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos ? Error() : State::kMore;
  }
  if (expect_ == Expect::kHex) {
    if (!IsHex(c)) return Error();
    if (--hex_left_ == 0) expect_ = Expect::kString;
    return State::kMore;
  }
  if (static_cast<unsigned char>(c) < 0x20) return Error();
  if (c == '\\') expect_ = Expect::kEscape;
  if (c != '"') return State::kMore;
  if (!in_key_) return EndValue();
  event_ = Event::kKeyEnd;
  expect_ = Expect::kColon;
  return State::kMore;
}

JsonScanner::State JsonScanner::NumberByte(char c) {
  const bool digit = IsDigit(c);
  const bool exponent = c == 'e' || c == 'E';
  switch (expect_) {
    case Expect::kMinus:
      if (!digit) return Error();
      expect_ = c == '0' ? Expect::kZero : Expect::kInteger;
      return State::kMore;
    case Expect::kZero:
    case Expect::kInteger:
      if (digit && expect_ == Expect::kInteger) return State::kMore;
      if (c != '.' && !exponent) return AfterValue(c);
      expect_ = exponent ? Expect::kExponent : Expect::kPoint;
      return State::kMore;
    case Expect::kPoint:
      if (!digit) return Error();
      expect_ = Expect::kFraction;
      return State::kMore;
    case Expect::kFraction:
      if (digit) return State::kMore;
      if (!exponent) return AfterValue(c);
      expect_ = Expect::kExponent;
      return State::kMore;
    case Expect::kExponent:
      if (c != '+' && c != '-' && !digit) return Error();
      expect_ = digit ? Expect::kExponentDigits : Expect::kExponentSign;
      return State::kMore;
    case Expect::kExponentSign:
      if (!digit) return Error();
      expect_ = Expect::kExponentDigits;
      return State::kMore;
    default:  // kExponentDigits
      return digit ? State::kMore : AfterValue(c);
  }
}

JsonScanner::State JsonScanner::AfterValue(char c) {
  expect_ = Expect::kCommaOrEnd;
  if (IsSpace(c)) return State::kMore;
  const bool object = open_.back() == '{';
  if (c == ',') {
    expect_ = object ? Expect::kKey : Expect::kValue;
    return State::kMore;
  }
  return c == (object ? '}' : ']') ? Close() : Error();
}

JsonScanner::State JsonScanner::Open(char c) {
  if (open_.size() == kMaxJsonDepth) return Error();
  open_.push_back(c);
  opened_ = true;
  expect_ = c == '{' ? Expect::kFirstKeyOrEnd : Expect::kFirstValueOrEnd;
  return State::kMore;
}

JsonScanner::State JsonScanner::Close() {
  open_.pop_back();
  return EndValue();
}

JsonScanner::State JsonScanner::EndValue() {
  event_ = Event::kValueEnd;
  expect_ = Expect::kCommaOrEnd;
  return open_.empty() ? State::kDone : State::kMore;
}

}  // namespace puna::api
