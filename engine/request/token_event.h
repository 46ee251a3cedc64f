// What comes back from the engine thread, in order: prompt tokens (when their log-probabilities were asked for), tokens
// or an embedding (when the request pools), one end. An end id that was drawn is the last token.
#pragma once

#include <optional>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/request/finish.h"

namespace puna::engine {

struct TokenLogprob {
  TokenId id = kNoToken;
  float logprob = 0;
};

// Log-softmax of the raw logits (before bias, penalties, temperature), natural logarithm.
struct Logprobs {
  float logprob = 0;              // of the token itself
  std::vector<TokenLogprob> top;  // the num_logprobs most likely ones, most likely first; ties: lower id first
};

struct TokenEvent {
  enum class Kind { kPromptToken, kToken, kEmbedding, kEnd };
  Kind kind = Kind::kToken;
  TokenId id = kNoToken;              // kPromptToken, kToken
  std::optional<Logprobs> logprobs;   // when asked for; the first prompt token has none
  std::vector<float> embedding = {};  // kEmbedding: [hidden_size], of length 1
  std::optional<Finish> finish;       // kEnd
};

}  // namespace puna::engine
