// Measures the engine in process: no HTTP, no text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/engine_config.h"

namespace puna::server {

struct EngineBenchOptions {
  config::EngineConfig engine;
  int prompt_tokens = 512;   // of the one prompt whose prefill is timed
  int generate_tokens = 64;  // per stream
  int depth = 32;            // prompt tokens of each decoding stream
  std::vector<int> streams = {1, 2, 4, 8, 16};
};

struct DecodeFigures {
  int streams = 0;
  double tokens_per_s = 0;  // all streams together
  double inter_token_ms_p50 = 0, inter_token_ms_p99 = 0;
  double bytes_per_step = 0;                         // weights and KV that a step has to read
  double operations_per_step = 0;                    // two for each multiply-add of its tokens
  double bandwidth_before = 0, bandwidth_after = 0;  // streaming read right before and right after, bytes a second
  // What a step needs at least, at the mean of both bandwidths and the matmul peak of the weights' format: the longer of reading
  // its bytes and doing its operations. Shares are of the median step.
  bool reading_is_the_limit = true;
  double share_of_bandwidth = 0;  // reading / step
  double share_of_limit = 0;      // the longer / step
};

struct EngineBenchResult {
  std::string model, weights, isa, kernels;
  int threads = 0;
  int prompt_tokens = 0;
  double load_seconds = 0;
  double time_to_first_token_ms = 0;
  double prefill_tokens_per_s = 0;
  double prefill_share_of_peak = 0;  // arithmetic of the prompt / time / the matmul peak of the weights' format
  std::vector<DecodeFigures> decode;
  int64_t resident_bytes = 0, weights_bytes = 0, kv_bytes = 0;
  double read_bandwidth_bytes_per_s = 0;  // beside the first of the decodes
  // Beside the prefill: oneDNN's matmuls (bf16: 0 where the instruction set has none; float32 is measured only there), and our
  // kernel for the weights' format on a panel in the cache.
  double bf16_peak_flops = 0, f32_peak_flops = 0, int8_peak_ops = 0, panel_peak_ops = 0;

  // The most that the weights' format was seen to reach.
  double peak() const {
    const double floats = bf16_peak_flops > 0 ? bf16_peak_flops : f32_peak_flops;
    return std::max(weights == "bf16" ? floats : int8_peak_ops, panel_peak_ops);
  }
};

// `progress` is told what is being measured.
EngineBenchResult RunEngineBench(const EngineBenchOptions& options,
                                 const std::function<void(const std::string&)>& progress);

}  // namespace puna::server
