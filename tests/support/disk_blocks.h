// Blocks for tests of the cache on disk: their bytes follow from their ids, so that a wrong byte shows.
#pragma once

#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/kv_disk/disk_index.h"
#include "engine/kv_disk/disk_store.h"
#include "engine/kv_disk/run_reader.h"

namespace puna::engine {

inline constexpr int64_t kTestBlockBytes = 1000;
inline const RecordKind kTestKind{{1, 2}, kTestBlockBytes};

// Block i of text t.
inline BlockName TestName(int text, int i) {
  BlockName name{{static_cast<uint64_t>(text) * 1000003 + static_cast<uint64_t>(i), static_cast<uint64_t>(text)}, {}};
  std::iota(name.ids.begin(), name.ids.end(), text * 1000 + i * kBlockSize);
  return name;
}

inline std::vector<uint8_t> TestBytes(const BlockName& name) {
  std::mt19937 random(static_cast<uint32_t>(name.hash.low));
  std::vector<uint8_t> bytes(kTestBlockBytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

inline std::vector<BlockName> TestNames(int text, int first, int count) {
  std::vector<BlockName> names;
  for (int i = 0; i < count; ++i) names.push_back(TestName(text, first + i));
  return names;
}

// A process that shares the folder.
struct TestProcess {
  DiskFolder& folder;
  double now = 0;
  std::vector<std::string> reports;
  DiskIndex index;
  DiskStore store;
  RunReader reader;

  explicit TestProcess(DiskFolder& f, int64_t limit = int64_t{1} << 30, RecordKind kind = kTestKind)
      : folder(f),
        store(f, index,
              {kind, limit, [this] { return now; }, [this](const std::string& line) { reports.push_back(line); }}),
        reader(f, index, kind) {}

  bool Write(const std::vector<BlockName>& names) {
    std::vector<std::vector<uint8_t>> bytes;
    for (const BlockName& name : names) bytes.push_back(TestBytes(name));
    std::vector<BlockToWrite> blocks;
    for (size_t i = 0; i < names.size(); ++i) blocks.push_back({names[i], bytes[i]});
    return store.Write(blocks);
  }

  // How many come back; -1: a wrong byte.
  int Read(const std::vector<BlockName>& names) {
    int wrong = 0;
    size_t next = 0;
    const auto take = [&](std::span<const uint8_t> bytes) {
      const std::vector<uint8_t> expected = TestBytes(names[next++]);
      wrong += !std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end());
      return true;
    };
    const int taken = reader.Read(names, take, [] {});
    return wrong > 0 ? -1 : taken;
  }
};

}  // namespace puna::engine
