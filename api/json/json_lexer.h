// Strings and numbers of JSON (RFC 8259) in a text that is valid UTF-8, a word of bytes at a time where that is possible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace puna::api {

// The first byte from `at` on that is not text as it stands in a string: a quote, a backslash or a control character;
// text.size() when there is none.
size_t PlainEnd(std::string_view text, size_t at);

// What stands in a text behind `at`, and where it ends. Not there: `fault` says what is wrong, and `end` where.
struct StringToken {
  size_t end = 0;  // behind the closing quote
  const char* fault = nullptr;
  std::string value;
};
StringToken ReadString(std::string_view text, size_t at);  // `at` is the opening quote

// The number that begins at `at`: an integer where it is written as one and has room, else a double.
struct NumberToken {
  size_t end = 0;
  const char* fault = nullptr;
  std::variant<int64_t, uint64_t, double> value;  // int64_t: it is negative
};
NumberToken ReadNumber(std::string_view text, size_t at);

}  // namespace puna::api
