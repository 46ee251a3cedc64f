// Proposer: guesses how a sequence goes on, beside the scheduler. The guess is computed in the same step as everybody
// else's tokens, and only what the sampler draws anyway is kept: a bad guess costs time, never a different answer.
#pragma once

#include <span>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/request/guess_source.h"

namespace puna::engine {

struct Guess {
  std::vector<TokenId> ids;  // empty: no guess
  GuessSource source = GuessSource::kLookup;
  int agreement = 0;  // how many of the ids before it agree with what it was taken from
};

// One per sequence.
class Proposer {
 public:
  virtual ~Proposer() = default;

  // Up to max_tokens ids that may follow `tokens` (prompt and output; they only grow from call to call) and `behind`,
  // which others have guessed.
  virtual Guess Propose(std::span<const TokenId> tokens, std::span<const TokenId> behind, int max_tokens) = 0;

  // How many of the ids last proposed came true, counted from the first; not called when what was guessed before them
  // did not.
  virtual void Observe(int num_proposed, int num_accepted) = 0;
};

}  // namespace puna::engine
