// Addresses of schemas.
#pragma once

#include <string>
#include <string_view>

namespace puna::engine {

// `reference` as it is meant beside `base`, which is absolute or empty (RFC 3986, 5.2).
std::string ResolveUri(const std::string& base, const std::string& reference);

// Percent escapes as the bytes they stand for.
std::string UnescapeUri(std::string_view text);

}  // namespace puna::engine
