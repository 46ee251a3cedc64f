// One step, flattened: what Model::Forward reads. All spans are borrowed for the duration of the call.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

// The tokens of one sequence in this step. They are token_ids[first_token .. first_token + num_tokens) and stand at
// positions [num_computed, num_computed + num_tokens); keys and values of [0, num_computed) are in the cache already.
struct SequenceChunk {
  int32_t first_token = 0;
  int32_t num_tokens = 0;
  int32_t num_computed = 0;
  std::span<const BlockId> block_table;  // covers num_computed + num_tokens positions
};

struct ForwardInput {
  std::span<const TokenId> token_ids;         // [num_tokens], sequence after sequence
  std::span<const SequenceChunk> sequences;   // in the order of token_ids
  std::span<const int32_t> logits_rows;       // indices into token_ids whose next-token logits are wanted, rising
  std::span<const int32_t> hidden_rows = {};  // likewise, whose hidden states are wanted
};

}  // namespace puna::engine
