// Drafter: a small model that guesses for several sequences at once, seen from the scheduler: no tensor, no clock.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_table.h"

namespace puna::engine {

struct Sequence;

// What a drafter keeps of one sequence between steps. It goes when the sequence ends or is preempted.
class DraftMemo {
 public:
  virtual ~DraftMemo() = default;
};

// Guesses wanted of a drafter, for one sequence.
struct DraftAsk {
  Sequence* sequence = nullptr;     // its blocks reach behind all that is guessed
  std::span<const TokenId> behind;  // already guessed by others: what is wanted comes behind
  int max_ids = 0;
  std::vector<TokenId> guesses;  // the answer: at most max_ids; may be empty
};

// What the last Propose took.
struct DraftCost {
  double seconds = 0;       // all of it
  int num_passes = 0;       // of its passes, those that computed little but guesses
  double pass_seconds = 0;  // and what these took
  bool one_pass = false;    // it needs one pass, however much it guesses
  int num_read = 0;         // ids of texts that the other passes computed
  double read_seconds = 0;  // and what those took
};

class Drafter {
 public:
  virtual ~Drafter() = default;

  // At most so many ids at once; 0: it guesses nothing any more.
  virtual int max_ids() const = 0;

  // Whether it would guess for the sequence now.
  virtual bool CanGuess(const Sequence& sequence) const = 0;

  // From now on it begins to read no more than so many ids of a text that it lacks; of a longer one, the last.
  virtual void LimitReading(int /*num_ids*/) {}

  // Fills in the guesses. Never throws: what fails is no guess.
  virtual void Propose(std::span<DraftAsk> asks) = 0;

  // What Propose took since the last call.
  virtual DraftCost TakeCost() = 0;

  // The same for its own entries as is done with the model's (see BlockTable::num_drafted).
  virtual void CopyBlock(const BlockCopy& copy) = 0;
};

}  // namespace puna::engine
