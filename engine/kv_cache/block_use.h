// What a block of the KV cache is good for at a moment, for pictures of the cache: the least interesting first.
#pragma once

#include <cstdint>

namespace puna::engine {

enum class BlockUse : uint8_t {
  kEmpty,      // free, without content
  kProbation,  // free, its content can be found; the next to be given away
  kProtected,  // free, its content can be found; kept longest
  kHeld,       // by one sequence
  kShared,     // by several
  kWritten,    // a running sequence wrote it in its last step, or goes on there
};

}  // namespace puna::engine
