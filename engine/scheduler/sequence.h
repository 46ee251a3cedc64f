// Sequence: a Request being worked on. Two numbers say where it is: num_tokens() ids are known, num_computed of them
// have their keys and values in the cache. Each step lets the second catch up with the first; when it has, an id is
// drawn.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_table.h"
#include "engine/request/finish.h"
#include "engine/request/pooler.h"
#include "engine/request/request.h"
#include "engine/request/token_counts.h"
#include "engine/scheduler/proposer.h"

namespace puna::engine {

struct Sequence {
  Sequence(Request r, uint64_t order, BlockPool& pool)
      : request(std::move(r)), arrival(order), tokens(request.prompt), table(pool) {
    usage.prompt_tokens = num_prompt();
    if (request.pooling != Pooling::kNone) pooler.emplace(request.pooling);
    if (NeedsTokenCounts(request.sampling)) counts.emplace().AddPrompt(tokens);
  }

  int num_prompt() const { return static_cast<int>(request.prompt.size()); }
  int num_tokens() const { return static_cast<int>(tokens.size()); }
  int num_output() const { return num_tokens() - num_prompt(); }
  int num_missing() const { return num_tokens() - num_computed; }  // to be computed before an id can be drawn
  bool ended() const { return finish.has_value(); }

  // Whether log-probabilities of prompt tokens are still to come.
  bool wants_prompt_rows() const { return request.prompt_logprobs && num_prompt_rows < num_prompt() - 1; }

  Request request;
  const uint64_t arrival;       // the order in which requests came
  std::vector<TokenId> tokens;  // prompt, then output
  int num_computed = 0;
  BlockTable table;
  std::vector<TokenId> draft;          // of the present step: guesses behind `tokens`
  int num_accepted = 0;                // of them, so far
  int num_prompt_rows = 0;             // prompt positions whose logits have been used for log-probabilities
  std::optional<Pooler> pooler;        // when the request pools
  std::optional<TokenCounts> counts;   // when penalties ask for them
  std::unique_ptr<Proposer> proposer;  // from the first guess on
  bool is_running = false;
  bool was_admitted = false;     // at some time
  Usage usage;                   // counts; times are filled in by whoever has a clock
  std::optional<Finish> finish;  // set: it has ended
  std::optional<std::chrono::steady_clock::time_point> first_scheduled, first_token, last_token;
};

}  // namespace puna::engine
