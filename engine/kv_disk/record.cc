#include "engine/kv_disk/record.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little endian");

constexpr uint64_t kMagic = 0x4b53'4944'564b'4e50;  // "PNKVDISK"

struct RawHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t num_blocks;
  uint64_t damaged;
  uint64_t block_bytes;
  ContentHash fingerprint;
  ContentHash header_hash;  // of all kHeaderBytes, with this and `damaged` zero
  std::array<RecordEntry, kMaxRunBlocks> entries;
};
static_assert(sizeof(RecordEntry) == 96 && sizeof(RawHeader) == 64 + 96 * kMaxRunBlocks);
static_assert(offsetof(RawHeader, damaged) == kDamagedOffset && sizeof(RawHeader) <= kHeaderBytes);
static_assert(std::is_trivially_copyable_v<RawHeader>);

constexpr int64_t kMaxBlockBytes = int64_t{1} << 32;

ContentHash HashHeader(std::vector<uint8_t> bytes) {
  std::memset(bytes.data() + offsetof(RawHeader, damaged), 0, sizeof(uint64_t));
  std::memset(bytes.data() + offsetof(RawHeader, header_hash), 0, sizeof(ContentHash));
  return HashContent(bytes);
}

}  // namespace

int64_t RecordBytes(size_t num_blocks, int64_t block_bytes) {
  const int64_t bytes = kHeaderBytes + static_cast<int64_t>(num_blocks) * block_bytes;
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

std::vector<uint8_t> EncodeHeader(const Record& record) {
  const size_t n = record.entries.size();
  PUNA_CHECK(n >= 1 && n <= kMaxRunBlocks) << n;
  RawHeader raw{};
  raw.magic = kMagic;
  raw.version = kDiskFormatVersion;
  raw.num_blocks = static_cast<uint32_t>(n);
  raw.block_bytes = static_cast<uint64_t>(record.kind.block_bytes);
  raw.fingerprint = record.kind.fingerprint;
  std::copy(record.entries.begin(), record.entries.end(), raw.entries.begin());
  std::vector<uint8_t> bytes(kHeaderBytes);
  std::memcpy(bytes.data(), &raw, sizeof raw);
  const ContentHash hash = HashHeader(bytes);
  std::memcpy(bytes.data() + offsetof(RawHeader, header_hash), &hash, sizeof hash);
  std::memcpy(bytes.data() + offsetof(RawHeader, damaged), &record.damaged, sizeof record.damaged);
  return bytes;
}

std::optional<Record> DecodeHeader(std::span<const uint8_t> bytes) {
  if (bytes.size() != kHeaderBytes) return std::nullopt;
  RawHeader raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != kMagic || raw.version != kDiskFormatVersion) return std::nullopt;
  if (HashHeader({bytes.begin(), bytes.end()}) != raw.header_hash) return std::nullopt;
  if (raw.num_blocks < 1 || raw.num_blocks > kMaxRunBlocks) return std::nullopt;
  if (raw.block_bytes < 1 || raw.block_bytes > kMaxBlockBytes) return std::nullopt;
  return Record{{raw.fingerprint, static_cast<int64_t>(raw.block_bytes)},
                {raw.entries.begin(), raw.entries.begin() + raw.num_blocks},
                raw.damaged};
}

}  // namespace puna::engine
