// DiskIndex: which block lies where on the disk. It is not stored: headers of records are read again at each start. Any
// thread; nothing here touches a disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/kv_disk/record.h"

namespace puna::engine {

class DiskIndex {
 public:
  struct Place {
    std::string segment;  // the file
    int64_t record = 0;   // where its record begins
    int slot = 0;         // which block of it
  };

  // All of the record's blocks that are not damaged. False: some of them were known from elsewhere, and stay there.
  bool Add(const std::string& segment, int64_t offset, const Record& record);
  // Not to be found there any more.
  void Drop(const BlockHash& hash);
  void DropSegment(const std::string& segment);

  bool Contains(const BlockHash& hash) const;
  std::optional<Place> Find(const BlockHash& hash) const;
  int CountFound(std::span<const BlockHash> hashes) const;  // from the first on
  size_t size() const;

 private:
  struct Segment {
    std::string name;
    std::vector<BlockHash> hashes;
  };
  struct Entry {
    uint32_t segment;
    int32_t slot;
    int64_t record;
  };

  mutable Mutex mutex_;
  std::map<std::string, uint32_t> numbers_ PUNA_GUARDED_BY(mutex_);  // of segments, by name
  std::unordered_map<uint32_t, Segment> segments_ PUNA_GUARDED_BY(mutex_);
  uint32_t next_number_ PUNA_GUARDED_BY(mutex_) = 0;
  std::unordered_map<BlockHash, Entry, BlockHashHasher> blocks_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::engine
