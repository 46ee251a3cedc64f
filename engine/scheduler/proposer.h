// Proposer: guesses how a sequence goes on, beside the scheduler. The guess is computed in the same step as everybody
// else's tokens, and only what the sampler draws anyway is kept: a bad guess costs time, never a different answer.
#pragma once

#include <span>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

// One per sequence.
class Proposer {
 public:
  virtual ~Proposer() = default;

  // Up to max_tokens ids that may follow `tokens` (prompt and output; they only grow from call to call). Empty: no
  // guess.
  virtual std::vector<TokenId> Propose(std::span<const TokenId> tokens, int max_tokens) = 0;

  // How many of the ids last proposed came true, counted from the first.
  virtual void Observe(int num_proposed, int num_accepted) = 0;

  // Whether the last guess was what the client predicted (Request::prediction), and no guess of our own.
  virtual bool FromPrediction() const = 0;
};

}  // namespace puna::engine
