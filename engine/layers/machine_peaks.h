// What this machine can do at best, measured now, so that every figure can stand as a share of its limit.
#pragma once

#include <cstdint>

#include "engine/base/aligned_buffer.h"
#include "engine/base/thread_team.h"

namespace puna::engine {

// Measures again and again while something else is benchmarked: this machine's speed drifts from minute to minute, so a
// share of a limit means something only when both were taken side by side.
class MachineMeter {
 public:
  // Keeps 1 GiB of memory for as long as it lives.
  explicit MachineMeter(int threads);

  // Bytes a second of a streaming read by all threads, the best of three passes over the buffer.
  double ReadBandwidth();

  // Operations a second of oneDNN matmuls, one a thread (sequential oneDNN), the best of a few shapes around 128..512
  // rows, K 3072 and 8192: bf16 x bf16 -> f32 and u8 x s8 -> s32. 0: this processor has no such matmul.
  double Bf16Peak();
  double Int8Peak();

 private:
  ThreadTeam team_;
  AlignedBuffer<uint64_t> buffer_;
};

}  // namespace puna::engine
