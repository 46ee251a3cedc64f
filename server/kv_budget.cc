#include "server/kv_budget.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "engine/kv_cache/block_id.h"

namespace puna::server {
namespace {

// For activations, requests, threads and the file cache, which the KV cache must not squeeze out.
constexpr int64_t kReserveBytes = int64_t{256} << 20;
constexpr double kShareOfRest = 0.9;
constexpr int kUsefulTokens = 256;

}  // namespace

int NumKvBlocks(const config::EngineConfig& config, size_t bytes_per_block, int max_model_len,
                int64_t memory_left) {
  const int64_t per_sequence =
      (int64_t{max_model_len} + engine::kBlockSize - 1) / engine::kBlockSize;
  const double allowed =
      config.kv_cache_gib > 0
          ? config.kv_cache_gib * (int64_t{1} << 30)
          : static_cast<double>(std::max<int64_t>(0, memory_left - kReserveBytes)) * kShareOfRest;
  const auto fits = static_cast<int64_t>(allowed / static_cast<double>(bytes_per_block));
  const int64_t useful = std::min<int64_t>(per_sequence, kUsefulTokens / engine::kBlockSize);
  if (fits < useful) {
    throw std::runtime_error(
        "the KV cache has room for " + std::to_string(fits * engine::kBlockSize) +
        " tokens, and at least " + std::to_string(useful * engine::kBlockSize) + " are needed (" +
        std::to_string(bytes_per_block * static_cast<size_t>(useful) >> 20) +
        " MiB); raise --kv-cache-gib or the memory limit, or choose smaller --weights");
  }
  // One block more than the sequences fill, so that a full house can still copy a shared block.
  const int64_t wanted = config.kv_cache_gib > 0 ? fits : per_sequence * config.max_num_seqs + 1;
  return static_cast<int>(
      std::min<int64_t>({wanted, fits, std::numeric_limits<int>::max() / engine::kBlockSize}));
}

}  // namespace puna::server
