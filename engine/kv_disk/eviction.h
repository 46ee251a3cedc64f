// Which files of the cache on disk go first, by the pool's own rule (engine/kv_cache/block_pool.h): those on probation,
// which nobody used since they were written, then protected ones, each least recently touched first. Protected files
// fill three quarters of the limit at most.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/kv_disk/disk_folder.h"

namespace puna::engine {

// The files, the first to go in front. Whose they are does not matter: what no puna reads any more is used by none.
std::vector<DiskFileInfo> EvictionOrder(std::vector<DiskFileInfo> files, int64_t limit_bytes);

}  // namespace puna::engine
