// Why the cached beginning of a prompt ended where it did.
#pragma once

#include <array>
#include <cstdint>

namespace puna::engine {

enum class PrefixMiss : uint8_t {
  kNothing,    // all was found that may be: all but the last token, whose logits are wanted
  kNew,        // nothing in the cache begins like it
  kContinued,  // it goes on behind the end of what is cached, as the next turn of a conversation does
  kBranched,   // what is cached goes on with another text
  kEvicted,    // what follows was cached, and has been given up for others
  kBarred,  // the cache is off, or the request wants each position computed (log-probabilities, a mean of hidden states)
};
inline constexpr int kNumPrefixMisses = 6;

// Tokens by why they were not found.
using MissedTokens = std::array<uint64_t, kNumPrefixMisses>;

}  // namespace puna::engine
