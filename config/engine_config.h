// What the operator chose about the model and the engine.
#pragma once

#include <string>

namespace puna::config {

struct EngineConfig {
  std::string model;                    // folder, random:NAME, or empty: the embedded demo model
  int threads = 0;                      // 0: from the container's CPU limit
  std::string weights = "auto";         // auto | bf16 | w8a8 | w4a8
  std::string kv_cache_dtype = "auto";  // auto | bf16 | int8
  double kv_cache_gib = 0;              // 0: from the memory that is left
  int max_model_len = 0;                // 0: the model's own
  int max_num_seqs = 16;
  int max_num_batched_tokens = 512;
  int max_waiting = 64;
  bool prefix_caching = true;
  double itl_target_ms = -1;  // -1: by itself; 0: throughput first
  bool speculation = true;
  std::string isa = "auto";  // auto | avx512bf16 | avx512 | avx2vnni | avx2 | scalar, for tests and comparisons
};

}  // namespace puna::config
