// What this machine can do at best, measured now, so that every figure can stand as a share of its limit.
#pragma once

#include "engine/base/thread_team.h"

namespace puna::engine {

struct MachinePeaks {
  double read_bytes_per_s = 0;   // streaming read of a buffer far larger than the caches, all threads
  double bf16_flops = 0;         // oneDNN matmul bf16 x bf16 -> f32, the best of several shapes, all threads; 0: not supported
  double int8_ops = 0;           // oneDNN matmul u8 x s8 -> s32, likewise
};

// Bandwidth: the best of `rounds` passes over 1 GiB. Matmul: each thread multiplies its own operands (sequential oneDNN), best
// round of the best of a few shapes around 128..512 rows, K 3072 and 8192.
MachinePeaks MeasurePeaks(ThreadTeam& team, int rounds);

}  // namespace puna::engine
