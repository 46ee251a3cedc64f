// One JSON object or array (RFC 8259), read byte by byte: where its parts begin and end, and the
// first byte that cannot be. A push-down automaton with a stack of its own: linear time, never
// recursive, whatever comes in.
#pragma once

#include <string_view>
#include <vector>

namespace puna::api {

inline constexpr int kMaxJsonDepth = 128;

class JsonScanner {
 public:
  enum class State { kMore, kDone, kError };

  // What the byte just fed meant. Numbers have no kValueEnd: they end where the next byte says so.
  enum class Event {
    kNone,
    kKeyStart,    // the opening quote of a member's key
    kKeyEnd,      // its closing quote
    kValueStart,  // the first byte of a value
    kValueEnd,    // the last byte of a string, literal, object or array
  };

  // After kDone or kError nothing more may be fed. The value must be an object or an array; white
  // space may come before.
  State Feed(char c);

  Event event() const { return event_; }
  // How many objects and arrays are open; at a value's start and end the value itself does not
  // count.
  int depth() const { return static_cast<int>(open_.size()) - (opened_ ? 1 : 0); }

 private:
  enum class Expect {
    kValue,
    kFirstValueOrEnd,
    kFirstKeyOrEnd,
    kKey,
    kColon,
    kCommaOrEnd,
    kString,
    kEscape,
    kHex,
    kLiteral,
    kMinus,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };

  State Error() { return State::kError; }
  State StartValue(char c);
  State StartKey(char c);
  State StringByte(char c);
  State NumberByte(char c);
  State AfterValue(char c);
  State Open(char c);
  State Close();
  State EndValue();

  std::vector<char> open_;
  Expect expect_ = Expect::kValue;
  Event event_ = Event::kNone;
  bool opened_ = false;  // the byte just fed opened a container
  bool in_key_ = false;
  int hex_left_ = 0;
  std::string_view literal_;
};

}  // namespace puna::api
