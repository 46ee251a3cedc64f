// How many KV blocks to make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/engine_config.h"

namespace puna::server {

// Throws std::runtime_error when a model's weights alone take more memory than is left: found out while they are
// loaded, the system would end the process without a word.
void CheckWeightsFit(const std::string& model, const std::string& format, size_t weight_bytes, int64_t memory_left);

// --kv-cache-gib when it was given, and it fits; else as much as max_num_seqs sequences of full length could
// ever fill, within what memory is left beside a reserve. `max_model_len` is the longest sequence,
// in tokens. Throws std::runtime_error when not even one sequence of a useful length fits.
int NumKvBlocks(const config::EngineConfig& config, size_t bytes_per_block, int max_model_len, int64_t memory_left);

}  // namespace puna::server
