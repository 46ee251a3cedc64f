// RunReader: the reading side of the cache on disk. What it hands over has been compared with the hash that was taken when
// it was written, under the name and the ids that were asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/kv_disk/disk_folder.h"
#include "engine/kv_disk/disk_index.h"
#include "engine/kv_disk/record.h"

namespace puna::engine {

class RunReader {
 public:
  struct Counts {
    uint64_t blocks = 0, bytes = 0, damaged = 0, errors = 0;
  };

  RunReader(DiskFolder& folder, DiskIndex& index, RecordKind kind);

  // Calls take(block's bytes) for each of the blocks in order, until one cannot be had or take says false; beat() after
  // each answer of the disk. What is not there, or is not what it should be, is not found again. Returns how many were taken.
  int Read(std::span<const BlockName> names, const std::function<bool(std::span<const uint8_t>)>& take,
           const std::function<void()>& beat);

  const Counts& counts() const { return counts_; }

  // Bytes that a reader holds beside the cache.
  static int64_t BufferBytes(int64_t block_bytes);

 private:
  struct Run;
  bool OpenRun(std::span<const BlockName> names, Run& run);
  int64_t ReadPiece(const Run& run, int slot, int num_blocks);
  int TakeRun(const Run& run, std::span<const BlockName> names,
              const std::function<bool(std::span<const uint8_t>)>& take, const std::function<void()>& beat);
  bool IsSound(const Run& run, int slot, const BlockName& name, std::span<const uint8_t> bytes);
  void MarkDamaged(const Run& run, int slot);

  DiskFolder& folder_;
  DiskIndex& index_;
  const RecordKind kind_;
  AlignedBuffer<uint8_t> buffer_;
  Counts counts_;
};

}  // namespace puna::engine
