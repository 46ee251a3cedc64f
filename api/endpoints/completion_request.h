// The body of POST /v1/completions, typed and checked.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/fields/output_format.h"
#include "api/fields/sampling_fields.h"
#include "api/fields/warnings.h"

namespace puna::api {

// Text, or token ids as they are (whether they exist is the caller's to check).
using PromptInput = std::variant<std::string, std::vector<int>>;

struct CompletionRequest {
  std::string model;
  std::vector<PromptInput> prompts;  // at least one; answers come for each, n of them next to each other
  SamplingFields sampling;           // max_tokens 16 when not said; 0 is allowed with echo
  OutputFormat format;
  StreamFields streaming;
  int n = 1;
  int best_of = 1;             // >= n
  int num_logprobs = -1;       // -1: none; 0: of the chosen tokens; k: also the k most likely
  bool tokens_as_ids = false;  // log-probabilities name tokens as token_id:N
  bool echo = false;
  bool add_special_tokens = true;
  std::string user;
  std::string service_tier;
  Warnings warnings;
};

// Throws ApiError.
CompletionRequest ParseCompletionRequest(std::string_view body);

class ObjectReader;
// A string, strings, token ids, or arrays of token ids; at most 2048, none an empty array. Of
// completions and embeddings.
std::vector<PromptInput> ReadPrompts(ObjectReader& body, const char* name);

}  // namespace puna::api
