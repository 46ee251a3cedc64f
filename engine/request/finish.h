// How a sequence ended, and what it used.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/token_id.h"

#include "engine/request/guess_source.h"

namespace puna::engine {

enum class FinishReason {
  kStop,       // an end id was sampled
  kLength,     // max_new_tokens, or the context is full
  kCancelled,  // the reader went away
  kError,      // a step failed; `error` says how
  kShutdown,   // the server ended before the sequence did
};

// Where a prompt leaves what the prefix cache knows, as one that was cached goes on otherwise there.
struct CacheDifference {
  int position = 0;             // of the first id that is another one
  std::vector<TokenId> before;  // what stood there, up to the end of its block
};

// The `error` of what an allocation that failed has ended: short enough for a std::string to hold it without another one.
inline constexpr char kNoMemory[] = "no memory left";

struct Usage {
  int prompt_tokens = 0;
  int cached_tokens = 0;       // of the prompt, found in the prefix cache (first admission)
  int disk_tokens = 0;         // of the cached ones, those that came from the disk
  int copied_tokens = 0;       // of the cached ones, those copied out of a block that goes on otherwise
  int cache_write_tokens = 0;  // the rest of it, where the prefix cache keeps what is computed
  int completion_tokens = 0;
  GuessCounts guesses = {};
  double queue_seconds = 0;    // submit to first scheduled
  double prefill_seconds = 0;  // first scheduled to first token
  double decode_seconds = 0;   // first token to end
  int preemptions = 0;
  std::shared_ptr<const CacheDifference> difference = nullptr;  // where the request wanted it; null: none is known
  double energy_joules = 0;  // this sequence's share of the steps it was in; 0 while nothing measures
};

struct Finish {
  FinishReason reason = FinishReason::kStop;
  std::string error;
  Usage usage;
};

}  // namespace puna::engine
