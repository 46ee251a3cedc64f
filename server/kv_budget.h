// How many KV blocks to make.
#pragma once

#include <cstddef>
#include <cstdint>

#include "config/engine_config.h"

namespace puna::server {

// --kv-cache-gib when it was given; else as much as max_num_seqs sequences of full length could
// ever fill, within what memory is left beside a reserve. `max_model_len` is the longest sequence,
// in tokens. Throws std::runtime_error when not even one sequence of a useful length fits.
int NumKvBlocks(const config::EngineConfig& config, size_t bytes_per_block, int max_model_len,
                int64_t memory_left);

}  // namespace puna::server
