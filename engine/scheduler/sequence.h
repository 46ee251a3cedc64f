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
#include "engine/kv_cache/kv_load.h"
#include "engine/kv_cache/prefix_miss.h"
#include "engine/request/finish.h"
#include "engine/request/pooler.h"
#include "engine/request/request.h"
#include "engine/request/token_counts.h"
#include "engine/request/waits.h"
#include "engine/scheduler/drafter.h"
#include "engine/scheduler/guess_budget.h"
#include "engine/scheduler/proposer.h"

namespace puna::engine {

// What a waiting sequence has in the pool while the tier below brings more of its prompt. It holds all of these blocks.
struct SequenceLoad {
  std::vector<BlockId> prefix;  // found in the pool
  std::shared_ptr<KvLoad> load;
};

struct Sequence {
  Sequence(Request r, uint64_t order, BlockPool& pool)
      : request(std::move(r)),
        arrival(order),
        tokens(request.prompt),
        table(pool, RootHash(request.cache_salt, pool.hash_key())) {
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

  // How many of its known tokens it may find in a cache: not the last one, whose logits are wanted, and nothing whose
  // log-probabilities or share of a mean are still to come.
  int max_reuse() const {
    if (request.pooling == Pooling::kMean) return pooler->num_pooled();
    return wants_prompt_rows() ? num_prompt_rows : num_tokens() - 1;
  }

  Request request;
  const uint64_t arrival;       // the order in which requests came
  std::vector<TokenId> tokens;  // prompt, then output
  int num_computed = 0;
  int written_from = 0;  // where its last step began to write
  BlockTable table;
  std::vector<TokenId> draft;    // of the present step: guesses behind `tokens`
  std::vector<GuessLink> links;  // where each of them comes from
  int first_looked_up = 0;       // of them, what the proposer said: so many from here
  int num_looked_up = 0;
  int num_accepted = 0;                // of them, so far
  int num_prompt_rows = 0;             // prompt positions whose logits have been used for log-probabilities
  std::optional<Pooler> pooler;        // when the request pools
  std::optional<TokenCounts> counts;   // when penalties ask for them
  std::unique_ptr<Proposer> proposer;  // from the first guess on
  GuessBudget::Record record;
  std::unique_ptr<DraftMemo> draft_memo;  // the drafter's
  std::optional<SequenceLoad> load;
  bool asked_tier = false;  // since it waits: what the tier has of it is in the pool, or is not worth it
  int num_kept = 0;         // of its full blocks, the first so many are in the tier, or on their way
  bool is_running = false;
  Waits waits = Waits::kTurn;         // when it does not run
  std::optional<uint64_t> waits_for;  // the arrival of the sequence that it waits for, where it is a certain one
  int yielded_at = -1;                // num_computed when it last made way for another tenant; -1: it never did
  bool was_admitted = false;          // at some time
  Usage usage;                        // counts; times are filled in by whoever has a clock
  std::optional<Finish> finish;       // set: it has ended
  // Why no more of it was found in the cache when it was admitted for the first time.
  PrefixMiss missed = PrefixMiss::kNothing;
  std::optional<std::chrono::steady_clock::time_point> first_scheduled, first_token, last_token;
};

}  // namespace puna::engine
