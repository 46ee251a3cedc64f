// DiskStore: the writing side of the cache on disk. Each process appends records to a file of its own, its segment, and
// never changes another's; so processes share a folder without a lock, and what one wrote the others find by looking.
//
// A record's blocks are written before its header, so whoever finds a header finds the blocks behind it, and a record
// that was cut off has none. Whatever a crash or a power loss leaves, in whatever order, is told by the hashes.
// The limit holds for all bytes in the folder, whoever wrote them: before each record, and at each look, the files that
// EvictionOrder puts first are removed until there is room. A process that still has a removed file open reads on in it
// and begins another to write.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/kv_disk/disk_folder.h"
#include "engine/kv_disk/disk_index.h"
#include "engine/kv_disk/record.h"

namespace puna::engine {

inline constexpr const char* kSegmentEnding = ".kv";

struct BlockToWrite {
  BlockName name;
  std::span<const uint8_t> bytes;  // [block_bytes]
};

struct DiskStoreOptions {
  RecordKind kind;
  int64_t limit_bytes = 0;
  std::function<double()> seconds;                 // a steady clock
  std::function<void(const std::string&)> report;  // a line for people: what failed
};

class DiskStore {
 public:
  // After a failure nothing is written for so many seconds, doubling up to the last.
  static constexpr double kFirstPause = 1, kLastPause = 600;

  DiskStore(DiskFolder& folder, DiskIndex& index, DiskStoreOptions options);

  // Takes in what is new in the folder, forgets what is gone, and keeps to the limit.
  void Look();

  // Appends one record, 1 to kMaxRunBlocks blocks. False: it is not there, and the reason has been reported.
  bool Write(std::span<const BlockToWrite> blocks);

  int64_t bytes() const { return bytes_; }  // of all files, at the last look or record
  uint64_t evicted_files() const { return evicted_files_; }
  uint64_t write_errors() const { return write_errors_; }

 private:
  struct Seen {
    int64_t read = 0;  // up to here all records are in the index
    int64_t size = 0;
    bool has_known = false;  // some of its blocks were found elsewhere
  };

  int List(std::vector<DiskFileInfo>& files);
  void Read(const DiskFileInfo& file, Seen& seen);
  void Forget(const std::string& segment);
  int MakeRoom(int64_t bytes);
  bool Evict(const std::string& name);
  int OpenSegment(int64_t bytes);
  int Append(std::span<const BlockToWrite> blocks, int64_t bytes);
  int AppendBytes(const Record& record, std::span<const BlockToWrite> blocks, int64_t bytes);
  void Fail(int error);

  DiskFolder& folder_;
  DiskIndex& index_;
  const DiskStoreOptions options_;
  const int64_t segment_bytes_;  // a segment is full then
  std::map<std::string, Seen> seen_;
  std::random_device random_;
  std::unique_ptr<DiskFile> segment_;  // ours, to be written on; null: none yet
  std::string segment_name_;
  int64_t segment_end_ = 0;
  int64_t bytes_ = 0;
  uint64_t evicted_files_ = 0, write_errors_ = 0;
  double pause_ = 0, paused_until_ = 0;
  bool list_failed_ = false;
};

}  // namespace puna::engine
