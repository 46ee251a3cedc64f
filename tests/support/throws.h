// The message of what a call throws.
#pragma once

#include <stdexcept>
#include <string>

namespace puna::testing {

// Empty when nothing is thrown. Anything but a std::runtime_error passes through and fails the test.
template <typename Call>
std::string MessageOf(Call call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

inline bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// An operator's message: one line that says what was expected and what was found.
inline bool IsFaultMessage(const std::string& text) {
  return Contains(text, ": expected ") && Contains(text, ", found ") && text.find('\n') == std::string::npos;
}

}  // namespace puna::testing
