#include "server/model/kv_disk.h"

#include <cstdio>
#include <string>
#include <system_error>

#include "engine/kv_disk/posix_folder.h"
#include "server/host/log.h"
#include "server/model/kv_budget.h"

namespace puna::server {

engine::KvDiskOptions OpenKvDisk(const config::EngineConfig& config) {
  engine::KvDiskOptions options;
  if (config.kv_disk_path.empty()) return options;
  if (!config.prefix_caching) {
    LogWarning("--kv-disk-path is without effect beside --no-prefix-caching: nothing is kept");
    return options;
  }
  int error = 0;
  options.folder = engine::OpenPosixFolder(config.kv_disk_path, error);
  if (!options.folder) {
    LogWarning("kv_disk_path: " + config.kv_disk_path + " cannot be opened: " + std::generic_category().message(error) +
               "; serving without a KV cache on disk: name a folder that this user may write");
    return options;
  }
  options.limit_bytes = KvDiskBytes(config);
  options.report = [](const std::string& line) { LogWarning("KV cache on disk: " + line); };
  char size[32];
  std::snprintf(size, sizeof size, "%.3g GiB", config.kv_disk_gib);
  LogInfo("KV cache on disk: " + config.kv_disk_path + ", up to " + size +
          "; what was asked stands there, for this user alone");
  return options;
}

}  // namespace puna::server
