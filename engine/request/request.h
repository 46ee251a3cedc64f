// What a client asked of the engine, in ids. Moved to the engine thread and never touched again by its sender.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/request/guess_source.h"
#include "engine/request/sampling_params.h"
#include "engine/request/token_constraint.h"
#include "engine/request/token_stream.h"

namespace puna::engine {

// How the hidden states of a prompt become one vector.
enum class Pooling {
  kNone,  // not at all: the request generates
  kMean,  // the mean over all positions
  kLast,  // that of the last position
};

struct Request {
  std::string id;  // for logs only
  std::vector<TokenId> prompt;
  // Who asks: requests of one number share one part of what the engine gives out, and of one line, and with cache_salt the
  // answers that are looked up for guesses. 0 is a number as any other.
  uint64_t tenant = 0;
  int tenant_weight = 1;       // how many parts its tenant has where another has one; the last request of a tenant says
  int priority = 0;            // within its tenant: lower ones come first, as vLLM has it
  std::string cache_salt;      // finds in caches only what was computed under the same one
  bool explain_cache = false;  // Usage::difference is wanted
  SamplingParams sampling;
  StopCriteria stop;
  int num_logprobs = -1;             // -1: none; 0: of the chosen token; k: also the k most likely
  bool prompt_logprobs = false;      // the same for every prompt token (kPromptToken events)
  Pooling pooling = Pooling::kNone;  // else one kEmbedding event comes, and nothing is generated: max_new_tokens is 0
  std::vector<TokenId> prediction;   // ids the client expects (OpenAI `prediction`), for speculation
  GuessOptions guessing;
  bool remembered = true;                       // its answer may be looked up for later requests of the same tenant
  std::unique_ptr<TokenConstraint> constraint;  // null: free
  std::shared_ptr<void> ticket;  // let go of when it is first computed, or ends: who waits is counted by it
  std::chrono::steady_clock::time_point arrival = std::chrono::steady_clock::now();
  std::shared_ptr<TokenStream> stream;  // set by Engine::Submit
};

}  // namespace puna::engine
