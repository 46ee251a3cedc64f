// RFC 4648, section 4: bytes as text of 64 characters, padded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace puna::text {

std::string ToBase64(std::string_view bytes);
// None: it is not padded base64. Bits of the last character that mean nothing may be set.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace puna::text
