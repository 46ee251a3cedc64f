// Counters of the engine, copied out for /metrics, /health and logs.
#pragma once

#include <array>
#include <cstdint>

#include "engine/histogram.h"
#include "engine/kv_cache/prefix_miss.h"
#include "engine/kv_disk/disk_stats.h"
#include "engine/request/guess_source.h"
#include "engine/request/waits.h"

namespace puna::engine {

struct EngineStats {
  int running = 0;
  int waiting = 0;
  int max_waiting = 0;
  std::array<int, kNumWaits> waiting_for{};  // those of the waiting that have been looked at, by what they wait for
  int blocks_total = 0;
  int blocks_used = 0;    // held by sequences
  int blocks_cached = 0;  // free, but found by prefix
  uint64_t steps = 0;
  uint64_t prompt_tokens = 0;  // of finished prefills, cached ones included
  uint64_t generated_tokens = 0;
  uint64_t prefix_cache_query_tokens = 0;
  uint64_t prefix_cache_hit_tokens = 0;
  uint64_t disk_hit_tokens = 0;    // of those found, brought from the disk
  uint64_t copied_hit_tokens = 0;  // of those found, copied out of blocks that go on otherwise
  // What computing those found would have taken beside what was computed, at the mean of the prompt tokens so far.
  double saved_seconds = 0, saved_joules = 0;
  DiskStats disk;
  MissedTokens prefix_cache_missed_tokens{};
  uint64_t evictions = 0;  // cached blocks given up for others
  uint64_t preemptions = 0;
  // finished_stop: also those whose reader had seen enough (a stop string); finished_cancelled: the reader went away,
  // or the server ended.
  uint64_t finished_stop = 0, finished_length = 0, finished_cancelled = 0, finished_error = 0;
  uint64_t draft_tokens = 0, accepted_draft_tokens = 0;  // of all sources
  GuessTallies guesses;                                  // by source
  double draft_seconds = 0;                              // of the draft model
  double last_step_seconds = 0;
  double seconds_in_current_step = 0;  // 0 when idle
  double seconds_since_beat = 0;       // a heartbeat: stays below a step and, when idle, below a few seconds

  // Of each sequence, in seconds. Those that were cancelled or failed are in none of the last four.
  SecondsHistogram time_to_first_token;  // from submit
  SecondsHistogram inter_token_latency;  // between two steps that gave it tokens
  SecondsHistogram e2e_latency, queue_time, prefill_time, decode_time;
  CountHistogram prompt_lengths, output_lengths;  // tokens
  double busy_joules = 0;                         // of steps; the shares of all sequences add up to it
  double idle_joules = 0;                         // between them
  // Of each step.
  SecondsHistogram step_time;
  CountHistogram step_tokens, step_sequences;
};

}  // namespace puna::engine
