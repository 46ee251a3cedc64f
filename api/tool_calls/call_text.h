// What a format's reader says about a text that may be tool calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::api {

struct CallText {
  std::string name;
  std::string arguments;  // the text of a JSON object
};

enum class Verdict {
  kCalls,    // it is one or more calls as it stands; more text may still spoil it
  kPartial,  // not yet, but more text may make it so
  kPlain,    // no text that begins like this is a call in this format
};

struct CallsReading {
  Verdict verdict = Verdict::kPlain;
  std::vector<CallText> calls;  // filled with kCalls only
};

// Python's str.isspace, which the formats' rules go by: the position after the white space at `i`.
size_t SkipUnicodeSpace(std::string_view text, size_t i);
std::string_view TrimUnicodeSpaceRight(std::string_view text);

// The longest beginning of `text` that does not end inside a UTF-8 character.
std::string_view WholeCharacters(std::string_view text);

}  // namespace puna::api
