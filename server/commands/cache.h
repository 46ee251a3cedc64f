// puna cache: what lies in the folder of the KV cache on disk.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace puna::server {

// They print to standard output and give the exit status: RunCacheVerify 1 where a block is not what was written. Throw
// std::runtime_error where there is no such folder or nothing matches.
int RunCacheList(const config::EngineConfig& config);
int RunCacheVerify(const config::EngineConfig& config);
// Each of `which` is "all", a model's name as the list has it, or at least six digits of a fingerprint.
int RunCacheClear(const config::EngineConfig& config, const std::vector<std::string>& which);

}  // namespace puna::server
