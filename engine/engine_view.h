// EngineView: a picture of the engine at work, for whoever looks (GET /debug/engine): who is in it, what the last steps were
// made of, and who has which block. No text and no id of a client is in it. Plain data of a fixed size, so that the engine's
// thread can publish it without a lock; what does not fit is left out, and counted.
#pragma once

#include <array>
#include <cstdint>

#include "engine/kv_cache/block_use.h"
#include "engine/kv_cache/prefix_miss.h"
#include "engine/request/waits.h"

namespace puna::engine {

struct SequenceView {
  uint64_t number = 0;   // the order in which requests came
  bool running = false;  // else it waits
  int prompt_tokens = 0;
  int cached_tokens = 0;    // of the prompt, found in the prefix cache
  int computed_tokens = 0;  // of prompt and output, in the KV cache now
  int output_tokens = 0;
  int max_output_tokens = 0;
  int tenant = 0;  // a small number for each tenant of the picture, from 1
  int priority = 0;
  Waits waits = Waits::kTurn;  // when it does not run
  uint64_t waits_for = 0;      // with has_waits_for: the number of the sequence that it waits for
  bool has_waits_for = false;
  int preemptions = 0;
  bool admitted = false;                     // at some time; before that nobody knows what is found
  PrefixMiss missed = PrefixMiss::kNothing;  // why no more was found
};

struct StepView {
  uint64_t number = 0;  // 0: there was none
  int prompt_rows = 0;
  int decode_rows = 0;  // guesses included
  int sequences = 0;
  float seconds = 0;
  float target_seconds = 0;  // what the Pacer aims at beside as many decoding rows; 0: no pace, or not known yet
};

struct EngineView {
  static constexpr int kMaxSequences = 64;
  static constexpr int kMaxSteps = 128;
  static constexpr int kMaxCells = 2048;

  uint64_t steps = 0;     // computed so far
  int num_sequences = 0;  // of `sequences`: running ones first, each in the order of the scheduler
  int sequences_left_out = 0;
  int tenants = 0;  // who are there
  int blocks = 0;
  int blocks_per_cell = 1;  // a cell shows the greatest use of its blocks
  int num_cells = 0;
  std::array<SequenceView, kMaxSequences> sequences{};
  std::array<StepView, kMaxSteps> recent_steps{};  // the last ones, while somebody looked; step n at n % kMaxSteps
  std::array<BlockUse, kMaxCells> cells{};
  uint64_t evictions = 0;                           // contents given up for others so far, of any block
  std::array<uint64_t, kMaxCells> last_eviction{};  // of the cell's blocks: its number, from 1; 0: there was none
  double picture_seconds = 0;                       // of the engine's thread that pictures took before this one
};

}  // namespace puna::engine
