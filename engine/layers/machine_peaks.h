// What this machine can do at best, measured now, so that every figure can stand as a share of its limit.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/aligned_buffer.h"
#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Bytes a second at which the team reads these pieces once, in its own runs of 2 MiB.
double ReadRate(std::span<const std::span<const uint8_t>> pieces, ThreadTeam& team);

// Measures again and again while something else is benchmarked: this machine's speed drifts from minute to minute, so a share
// of a limit means something only when both were taken side by side.
class MachineMeter {
 public:
  // Keeps 1 GiB of memory for as long as it lives.
  explicit MachineMeter(int threads);

  // Bytes a second of a streaming read by all threads, the best of three passes over the buffer.
  double ReadBandwidth();

  // Operations a second of a library's matmuls (matmul_peak.h), or where there is no library of our own kernels. Float: bf16, or
  // where there is no such matmul float32, which is then what a kernel for bf16 weights can reach.
  double FloatPeak();
  double Bf16Peak();  // 0 where there is no such matmul
  double Int8Peak();
  bool has_bf16() const { return has_bf16_; }

  // Operations a second of our own kernel for this form of weights, one panel a thread that stays in its second-level cache, 96
  // rows. Above oneDNN's rate where that has no good kernel for a set (int8 without VNNI) or none at all (int4).
  double PanelPeak(WeightFormat format, Isa isa);

 private:
  ThreadTeam team_;
  AlignedBuffer<uint64_t> buffer_;
  bool has_bf16_ = true;  // until a matmul says otherwise
};

}  // namespace puna::engine
