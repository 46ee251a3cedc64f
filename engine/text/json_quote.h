// Text inside JSON strings, escaped as Python's json.dumps and nlohmann's dump do it.
#pragma once

#include <string>
#include <string_view>

namespace puna::text {

// What stands for `c` inside a JSON string: its short escape (\n), or \u0000 for other controls. Empty where it stands for
// itself. ascii_only: everything beyond '~' is escaped as well, as a surrogate pair where one is needed.
std::string JsonEscape(char32_t c, bool ascii_only = false);

// `c` as it stands inside a JSON string.
void AppendJsonChar(char32_t c, std::string& out);

// `utf8` as a JSON string, with its quotes.
void AppendJsonString(std::string_view utf8, std::string& out);

}  // namespace puna::text
