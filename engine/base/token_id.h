// The number of a vocabulary entry. Negative values mean "none".
#pragma once

#include <cstdint>

namespace puna::engine {

using TokenId = int32_t;
inline constexpr TokenId kNoToken = -1;

}  // namespace puna::engine
