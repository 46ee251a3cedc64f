// What a client says it takes, in Accept and its siblings (RFC 9110, section 12.5).
#pragma once

#include <optional>
#include <string_view>

namespace puna::server {

// The weight (section 12.4.2) that such a field gives `name`, a type or a coding compared without case; none: `name` is not in it.
// What cannot be read as a weight is 0.
std::optional<double> WeightOf(std::string_view name, std::string_view field);

}  // namespace puna::server
