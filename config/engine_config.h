// What the operator chose about the model and the engine.
#pragma once

#include <string>

namespace puna::config {

struct EngineConfig {
  std::string model;                    // folder, file, name on a hub, random:NAME, or empty: the embedded demo model
  bool offline = false;                 // no hub is asked
  int threads = 0;                      // 0: from the container's CPU limit
  std::string weights = "auto";         // auto | bf16 | w8a8 | w4a8
  std::string kv_cache_dtype = "auto";  // auto | bf16 | int8
  double kv_cache_gib = 0;              // 0: from the memory that is left
  int max_model_len = 0;                // 0: the model's own
  int max_num_seqs = 16;
  int max_num_batched_tokens = 512;
  int max_waiting = 64;
  bool prefix_caching = true;
  std::string kv_disk_path;   // folder of the KV cache on disk; empty: none
  double kv_disk_gib = 32;    // bytes in it
  double itl_target_ms = -1;  // -1: by itself; 0: throughput first
  bool speculation = true;
  std::string draft_model;          // as model; off: none; empty: the demo model's own
  int draft_window = 256;           // ids that it reads of a text of which it lacks more; 0: all
  int remembered_tokens = 1000000;  // of finished answers, to guess from
  bool share_answers = false;       // among tenants
  std::string isa = "auto";         // auto | avx512bf16 | avx512 | avx2vnni | avx2 | scalar, for tests and comparisons
};

}  // namespace puna::config
