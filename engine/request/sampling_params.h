// What a client chose about drawing the next token. Names and meaning as in vLLM; ranges are checked by the caller.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

struct SamplingParams {
  float temperature = 1.0f;         // below 1e-5: the largest logit, filters off
  float top_p = 1.0f;               // (0, 1], 1 = off
  int top_k = 0;                    // <= 0 = off
  float min_p = 0.0f;               // [0, 1], 0 = off
  float repetition_penalty = 1.0f;  // > 0, 1 = off; prompt and output ids
  float frequency_penalty = 0.0f;   // [-2, 2]; output ids, times their count
  float presence_penalty = 0.0f;    // [-2, 2]; output ids, once each
  std::vector<std::pair<TokenId, float>> logit_bias;
  uint64_t seed = 0;  // together with the position it fixes the draw, whoever else is in the batch
};

// When generation ends, beside running out of room.
struct StopCriteria {
  int max_new_tokens = 16;
  int min_new_tokens = 0;  // end ids are forbidden before this many tokens
  bool ignore_eos = false;
  std::vector<TokenId> end_ids;  // the model's end tokens and the client's stop_token_ids
};

}  // namespace puna::engine
