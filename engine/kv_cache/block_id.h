// Block: the unit in which the KV cache is given out, kBlockSize consecutive positions of one sequence in every layer.
#pragma once

#include <cstdint>

namespace puna::engine {

using BlockId = int32_t;
inline constexpr BlockId kNoBlock = -1;
inline constexpr int kBlockSize = 16;

}  // namespace puna::engine
