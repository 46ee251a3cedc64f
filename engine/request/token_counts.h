// How often each id stands in a sequence: what repetition, frequency and presence penalties read. Kept up to date token
// by token, because a prompt may be long and is asked about at each step.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/request/sampling_params.h"

namespace puna::engine {

class TokenCounts {
 public:
  struct Entry {
    TokenId id = kNoToken;
    int32_t in_output = 0;  // 0: the id stands in the prompt only
  };

  void AddPrompt(std::span<const TokenId> ids);
  void AddOutput(TokenId id);

  // Each id of prompt or output once, in order of first appearance.
  std::span<const Entry> entries() const { return entries_; }

 private:
  Entry& Find(TokenId id);

  std::vector<Entry> entries_;
  std::unordered_map<TokenId, size_t> index_;  // into entries_
};

// Whether drawing with `params` needs counts at all.
inline bool NeedsTokenCounts(const SamplingParams& params) {
  return params.repetition_penalty != 1.0f || params.frequency_penalty != 0.0f || params.presence_penalty != 0.0f;
}

}  // namespace puna::engine
