// A record of the cache on disk: a header and up to kMaxRunBlocks blocks of keys and values, which usually follow each
// other in a chain, so that they come back in one long read. README.md beside this file says how the bytes lie.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/content_hash.h"
#include "engine/kv_cache/kv_load.h"

namespace puna::engine {

inline constexpr int kMaxRunBlocks = 64;
inline constexpr int64_t kHeaderBytes = 8192;
inline constexpr int64_t kRecordAlignment = 4096;
inline constexpr uint32_t kDiskFormatVersion = 1;

// What a folder's records must agree on to be read by us.
struct RecordKind {
  ContentHash fingerprint;  // of everything that the bytes of a block depend on beside its ids
  int64_t block_bytes = 0;
  bool operator==(const RecordKind&) const = default;
};

struct RecordEntry {
  BlockName name;
  ContentHash content;  // of the block's bytes
};

struct Record {
  RecordKind kind;
  std::vector<RecordEntry> entries;
  uint64_t damaged = 0;  // bit i: block i was found damaged
};

// Of a whole record of so many blocks, padding included.
int64_t RecordBytes(size_t num_blocks, int64_t block_bytes);

// Where the bytes of block `slot` lie, from the beginning of the record.
inline int64_t BlockOffset(int slot, int64_t block_bytes) { return kHeaderBytes + slot * block_bytes; }

// [kHeaderBytes].
std::vector<uint8_t> EncodeHeader(const Record& record);

// Nothing where the bytes are no header that was written whole by this format's version. Whatever they are, it only reads
// kHeaderBytes, and what it returns obeys the bounds.
std::optional<Record> DecodeHeader(std::span<const uint8_t> bytes);

// Where the header has the word of damaged blocks: the one thing in a record that may change after it was written.
inline constexpr int64_t kDamagedOffset = 16;

}  // namespace puna::engine
