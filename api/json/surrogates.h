// Halves of characters in JSON text. A program that cuts a UTF-16 string in the middle of an emoji (JavaScript's slice) and
// writes it as JSON sends an escape \ud83d alone: RFC 8259's grammar allows it, no Unicode text can hold it.
#pragma once

#include <string>
#include <string_view>

namespace puna::api {

// Where the first escape of a surrogate stands that has no partner; npos when there is none. `json` need not be valid.
size_t FindLoneSurrogate(std::string_view json);

// The text with each such escape written \ufffd (REPLACEMENT CHARACTER), which is as long: every place in the text stays
// where it was. Linear time.
std::string ReplaceLoneSurrogates(std::string json);

}  // namespace puna::api
