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

// What of the memory for requests is not part of the reserve that is kept anyway.
int64_t RequestMemoryBeyondReserve(int64_t request_memory);

// What the finished answers that are looked up in take (--remembered-tokens); 0: none are kept.
int64_t AnswerMemory(const config::EngineConfig& config);

// --kv-disk-gib in bytes.
int64_t KvDiskBytes(const config::EngineConfig& config);
// What the KV cache on disk takes in memory; 0 without one.
int64_t KvDiskMemory(const config::EngineConfig& config, size_t bytes_per_block);

}  // namespace puna::server
