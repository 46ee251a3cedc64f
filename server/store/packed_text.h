// Texts as they lie in the store: compressed, and with a checksum, since the library underneath has none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace puna::server {

std::string PackText(std::string_view text);
// None: these are not the bytes that PackText made.
std::optional<std::string> UnpackText(std::string_view packed);

}  // namespace puna::server
