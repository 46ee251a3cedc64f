// What the cache on disk did, for metrics.
#pragma once

#include <cstdint>

namespace puna::engine {

struct DiskStats {
  bool on = false;
  bool ready = false;  // what lies there is known
  int64_t bytes = 0;   // of the folder's files, whoever wrote them
  int64_t limit_bytes = 0;
  uint64_t blocks = 0;  // that can be found
  uint64_t read_blocks = 0, read_bytes = 0;
  uint64_t written_blocks = 0, written_bytes = 0;
  uint64_t evicted_files = 0;
  uint64_t damaged_blocks = 0;    // whose bytes were not those that were written
  uint64_t dropped_blocks = 0;    // worth keeping, but the pool needed their memory before they were written
  uint64_t unwritten_blocks = 0;  // given up, because the disk did not take them
  uint64_t read_errors = 0, write_errors = 0;
  uint64_t loads = 0, loads_cut = 0;  // cut: ended before all that was found had come
  double read_seconds = 0, write_seconds = 0;
};

}  // namespace puna::engine
