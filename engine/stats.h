// Counters of the engine, copied out for /metrics, /health and logs.
#pragma once

#include <cstdint>

namespace puna::engine {

struct EngineStats {
  int running = 0;
  int waiting = 0;
  int max_waiting = 0;
  int blocks_total = 0;
  int blocks_used = 0;    // held by sequences
  int blocks_cached = 0;  // free, but found by prefix
  uint64_t steps = 0;
  uint64_t prompt_tokens = 0;            // of finished prefills, cached ones included
  uint64_t generated_tokens = 0;
  uint64_t prefix_cache_query_tokens = 0;
  uint64_t prefix_cache_hit_tokens = 0;
  uint64_t preemptions = 0;
  uint64_t finished_stop = 0, finished_length = 0, finished_cancelled = 0, finished_error = 0;
  uint64_t draft_tokens = 0, accepted_draft_tokens = 0;
  double last_step_seconds = 0;
  double seconds_in_current_step = 0;  // 0 when idle: a heartbeat
};

}  // namespace puna::engine
