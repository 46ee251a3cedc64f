// Why a sequence that is in the engine does not run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace puna::engine {

enum class Waits : uint8_t {
  kTurn,    // others of its tenant are before it, or this step's share is used up
  kPlace,   // all max_num_seqs places are taken
  kBlocks,  // what it needs of the cache is held by others
  kPrefix,  // another one is just computing, or loading, the beginning of its prompt
  kDisk,    // its beginning comes from the tier below
};

inline constexpr size_t kNumWaits = 5;
inline constexpr std::array<const char*, kNumWaits> kWaitsNames = {"turn", "place", "blocks", "prefix", "disk"};

}  // namespace puna::engine
