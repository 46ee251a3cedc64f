// How a sequence ended, and what it used.
#pragma once

#include <cstdint>
#include <string>

namespace puna::engine {

enum class FinishReason {
  kStop,       // an end id was sampled
  kLength,     // max_new_tokens, or the context is full
  kCancelled,  // the reader went away
  kError,      // a step failed; `error` says how
  kShutdown,   // the server ended before the sequence did
};

struct Usage {
  int prompt_tokens = 0;
  int cached_tokens = 0;       // of the prompt, found in the prefix cache (first admission)
  int cache_write_tokens = 0;  // the rest of it, where the prefix cache keeps what is computed
  int completion_tokens = 0;
  int accepted_prediction_tokens = 0;
  int rejected_prediction_tokens = 0;
  double queue_seconds = 0;    // submit to first scheduled
  double prefill_seconds = 0;  // first scheduled to first token
  double decode_seconds = 0;   // first token to end
  int preemptions = 0;
  double energy_joules = 0;  // this sequence's share of the steps it was in; 0 while nothing measures
};

struct Finish {
  FinishReason reason = FinishReason::kStop;
  std::string error;
  Usage usage;
};

}  // namespace puna::engine
