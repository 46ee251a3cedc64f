// Texts as they lie in the store: compressed, and with a checksum, since the library underneath has none of its own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace puna::server {

std::string PackText(std::string_view text);
// None: these are not the bytes that PackText made.
std::optional<std::string> UnpackText(std::string_view packed);

// How long the text is, of the first kPackedHead bytes of the packed one, or of all there are; 0: these are no such bytes.
constexpr size_t kPackedHead = 18;
size_t UnpackedBytes(std::string_view head);

}  // namespace puna::server
