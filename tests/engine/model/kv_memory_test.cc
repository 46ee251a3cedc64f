#include "engine/model/kv_memory.h"

#include <doctest/doctest.h>

#include <fstream>

namespace puna::engine {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kBlockBytes = 64 << 10;  // 32 blocks fill a piece
constexpr int kLayers = 3, kBlocks = 100;  // 6.25 MiB a layer

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

TEST_CASE("the cache's memory is touched before it is used, little by little, and not long before") {
  ThreadTeam team(2);
  KvMemory memory(kLayers, kBlocks, kBlockBytes, team);
  CHECK(memory.touched_bytes() == kLayers * 2 * kMiB);
  int64_t before = memory.touched_bytes();
  for (int block = 1; block <= kBlocks; ++block) {
    for (int step = 0; step < 16; ++step) {  // a token each
      memory.Prepare(block, kLayers * kBlockBytes / 16, team);
      const int64_t touched = memory.touched_bytes();
      CHECK(touched - before <= 2 * kMiB);  // never two pieces in one step
      CHECK(touched >= kLayers * block * kBlockBytes);
      CHECK(touched <= kLayers * (block * kBlockBytes + 4 * kMiB));
      before = touched;
    }
  }
  CHECK(before == kLayers * kBlocks * kBlockBytes);
}

TEST_CASE("a step that writes far on touches all that it writes, and what is there stays") {
  ThreadTeam team(2);
  KvMemory memory(kLayers, kBlocks, kBlockBytes, team);
  memory.layer(1)[0] = 7;
  memory.layer(2)[90 * kBlockBytes] = 9;
  const int64_t resident = ResidentBytes();
  memory.Prepare(kBlocks, kLayers * kBlockBytes, team);
  CHECK(memory.touched_bytes() == kLayers * kBlocks * kBlockBytes);
  CHECK(ResidentBytes() - resident >= kLayers * 2 * kMiB);
  CHECK(memory.layer(1)[0] == 7);
  CHECK(memory.layer(2)[90 * kBlockBytes] == 9);
  memory.Prepare(1, kLayers * kBlockBytes, team);
  CHECK(memory.touched_bytes() == kLayers * kBlocks * kBlockBytes);
}

TEST_CASE("a cache smaller than a piece, and none") {
  ThreadTeam team(1);
  KvMemory small(2, 1, 100, team);
  CHECK(small.touched_bytes() == 200);
  small.Prepare(1, 200, team);
  CHECK(small.touched_bytes() == 200);
  KvMemory none;
  none.Prepare(0, 0, team);
  CHECK(none.touched_bytes() == 0);
}

}  // namespace
}  // namespace puna::engine
