// What a client asked of the engine, in ids. Moved to the engine thread and never touched again by its sender.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/token_id.h"
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
  SamplingParams sampling;
  StopCriteria stop;
  int num_logprobs = -1;             // -1: none; 0: of the chosen token; k: also the k most likely
  bool prompt_logprobs = false;      // the same for every prompt token (kPromptToken events)
  Pooling pooling = Pooling::kNone;  // else one kEmbedding event comes, and nothing is generated: max_new_tokens is 0
  std::vector<TokenId> prediction;   // ids the client expects (OpenAI `prediction`), for speculation
  std::unique_ptr<TokenConstraint> constraint;  // null: free
  std::chrono::steady_clock::time_point arrival = std::chrono::steady_clock::now();
  std::shared_ptr<TokenStream> stream;  // set by Engine::Submit
};

}  // namespace puna::engine
