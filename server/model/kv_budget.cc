#include "server/model/kv_budget.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "engine/engine.h"
#include "engine/kv_cache/block_id.h"
#include "engine/kv_disk/disk_cache.h"

namespace puna::server {
namespace {

// For activations, requests, threads and the file cache, which the KV cache must not squeeze out.
constexpr int64_t kReserveBytes = int64_t{256} << 20;
constexpr int64_t kReservedForRequests = kReserveBytes / 2;
constexpr double kShareOfRest = 0.9;
constexpr int kUsefulTokens = 256;
constexpr int64_t kLeastReserveBytes = int64_t{32} << 20;  // beside a pool whose size was asked for

std::string Size(int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

void CheckPoolFits(double bytes, int64_t memory_left) {
  const int64_t most = std::max<int64_t>(0, memory_left - kLeastReserveBytes);
  if (bytes <= static_cast<double>(most)) return;
  throw std::runtime_error("kv_cache_gib: " + Size(static_cast<int64_t>(std::min(bytes, 1e18))) +
                           " were asked for, and beside the weights " + Size(most) +
                           " are left; choose a smaller --kv-cache-gib, leave it out, or raise the memory limit");
}

}  // namespace

void CheckWeightsFit(const std::string& model, const std::string& format, size_t weight_bytes, int64_t memory_left) {
  if (static_cast<double>(weight_bytes) <= static_cast<double>(memory_left)) return;
  throw std::runtime_error(model + ": its weights take " + Size(static_cast<int64_t>(weight_bytes)) + " as " + format +
                           ", and " + Size(memory_left) +
                           " are left; choose smaller --weights or raise the memory limit");
}

int NumKvBlocks(const config::EngineConfig& config, size_t bytes_per_block, int max_model_len, int64_t memory_left) {
  const int64_t per_sequence = (int64_t{max_model_len} + engine::kBlockSize - 1) / engine::kBlockSize;
  const double allowed = config.kv_cache_gib > 0
                             ? config.kv_cache_gib * (int64_t{1} << 30)
                             : static_cast<double>(std::max<int64_t>(0, memory_left - kReserveBytes)) * kShareOfRest;
  if (config.kv_cache_gib > 0) CheckPoolFits(allowed, memory_left);
  const auto fits = static_cast<int64_t>(allowed / static_cast<double>(bytes_per_block));
  const int64_t useful = std::min<int64_t>(per_sequence, kUsefulTokens / engine::kBlockSize);
  if (fits < useful) {
    throw std::runtime_error("the KV cache has room for " + std::to_string(fits * engine::kBlockSize) +
                             " tokens, and at least " + std::to_string(useful * engine::kBlockSize) + " are needed (" +
                             std::to_string(bytes_per_block * static_cast<size_t>(useful) >> 20) + " MiB, beside the " +
                             Size(kReserveBytes) + " that are kept for everything else); " +
                             "raise --kv-cache-gib or the memory limit, or choose smaller --weights");
  }
  // One block more than the sequences fill, so that a full house can still copy a shared block.
  const int64_t wanted = config.kv_cache_gib > 0 ? fits : per_sequence * config.max_num_seqs + 1;
  return static_cast<int>(std::min<int64_t>({wanted, fits, std::numeric_limits<int>::max() / engine::kBlockSize}));
}

int64_t RequestMemoryBeyondReserve(int64_t request_memory) {
  return std::max<int64_t>(0, request_memory - kReservedForRequests);
}

int64_t AnswerMemory(const config::EngineConfig& config) {
  return config.speculation ? engine::RememberedBytes(config.remembered_tokens) : 0;
}

int64_t KvDiskBytes(const config::EngineConfig& config) {
  return static_cast<int64_t>(config.kv_disk_gib * (int64_t{1} << 30));
}

int64_t KvDiskMemory(const config::EngineConfig& config, size_t bytes_per_block) {
  if (config.kv_disk_path.empty() || !config.prefix_caching) return 0;
  return engine::DiskCache::BufferBytes(static_cast<int64_t>(bytes_per_block), KvDiskBytes(config));
}

}  // namespace puna::server
