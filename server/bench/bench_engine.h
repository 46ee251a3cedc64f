// Measures the engine in process: no HTTP, no text.
#pragma once

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
  std::vector<int> streams = {1, 8};
};

struct DecodeFigures {
  int streams = 0;
  double tokens_per_s = 0;  // all streams together
  double inter_token_ms_p50 = 0, inter_token_ms_p99 = 0;
  double bytes_per_step = 0;      // weights and KV that a step has to read
  double read_bandwidth = 0;      // bytes a second, the mean of right before and right after
  double share_of_bandwidth = 0;  // bytes_per_step / median step time / read_bandwidth
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
  double read_bandwidth_bytes_per_s = 0;          // beside the first of the decodes
  double bf16_peak_flops = 0, int8_peak_ops = 0;  // beside the prefill
};

// `progress` is told what is being measured.
EngineBenchResult RunEngineBench(const EngineBenchOptions& options,
                                 const std::function<void(const std::string&)>& progress);

}  // namespace puna::server
