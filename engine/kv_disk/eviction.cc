#include "engine/kv_disk/eviction.h"

#include <algorithm>
#include <tuple>

namespace puna::engine {
namespace {

bool IsUsed(const DiskFileInfo& file) { return file.used_ns > file.written_ns; }

int64_t LastTouched(const DiskFileInfo& file) { return std::max(file.used_ns, file.written_ns); }

}  // namespace

std::vector<DiskFileInfo> EvictionOrder(std::vector<DiskFileInfo> files, int64_t limit_bytes) {
  std::sort(files.begin(), files.end(), [](const DiskFileInfo& a, const DiskFileInfo& b) {
    return std::tuple(IsUsed(a), LastTouched(a), a.name) < std::tuple(IsUsed(b), LastTouched(b), b.name);
  });
  int64_t protected_bytes = 0;
  auto first = files.end();  // of the protected ones
  while (first != files.begin() && IsUsed(*(first - 1)) &&
         protected_bytes + (first - 1)->allocated <= limit_bytes / 4 * 3) {
    --first;
    protected_bytes += first->allocated;
  }
  std::stable_sort(files.begin(), first,
                   [](const DiskFileInfo& a, const DiskFileInfo& b) { return LastTouched(a) < LastTouched(b); });
  return files;
}

}  // namespace puna::engine
