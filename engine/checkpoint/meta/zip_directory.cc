#include "engine/checkpoint/meta/zip_directory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kLocator64Size = 20, kEnd64Size = 56;

[[noreturn]] void Refuse(const MappedFile& file, const std::string& item, const std::string& expected,
                         const std::string& found, const std::string& remedy = kDownloadAgain) {
  Throw({.path = file.path(), .item = item, .expected = expected, .found = found, .remedy = remedy});
}

// Little-endian numbers at offsets that are checked against the file.
class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file), bytes_(file.bytes()) {}

  const MappedFile& file() const { return file_; }
  uint64_t size() const { return bytes_.size(); }
  // The part [offset, offset + length), or an error about `item`.
  std::span<const std::byte> Part(uint64_t offset, uint64_t length, const std::string& item) const {
    if (offset > size() || length > size() - offset) {
      Refuse(file_, item, "bytes inside the file of " + std::to_string(size()),
             std::to_string(length) + " bytes at offset " + std::to_string(offset));
    }
    return bytes_.subspan(offset, length);
  }

 private:
  const MappedFile& file_;
  std::span<const std::byte> bytes_;
};

uint64_t Number(std::span<const std::byte> bytes, size_t offset, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i > 0; --i) value = value << 8 | static_cast<uint64_t>(bytes[offset + i - 1]);
  return value;
}

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t entries = 0;
};

// The end record stands last, but for a comment of at most 65535 bytes.
uint64_t FindEnd(const Reader& reader) {
  const std::string item = "zip archive";
  if (reader.size() >= kEndSize) {
    const uint64_t last = reader.size() - kEndSize;
    const uint64_t first = last > 65535 ? last - 65535 : 0;
    for (uint64_t at = last + 1; at-- > first;) {
      const auto end = reader.Part(at, kEndSize, item);
      if (Number(end, 0, 4) == kEndSignature && Number(end, 20, 2) == last - at) return at;
    }
  }
  Refuse(reader.file(), item, "an end record", "none",
         "the file is incomplete or not from torch.save (old formats are not read): download it again");
}

Directory ReadEnd(const Reader& reader) {
  const uint64_t at = FindEnd(reader);
  const auto end = reader.Part(at, kEndSize, "zip end record");
  Directory directory{.offset = Number(end, 16, 4), .size = Number(end, 12, 4), .entries = Number(end, 10, 2)};
  const bool needs_64 = directory.offset == 0xffffffff || directory.size == 0xffffffff || directory.entries == 0xffff;
  if (at < kLocator64Size) return directory;
  const auto locator = reader.Part(at - kLocator64Size, kLocator64Size, "zip64 locator");
  if (Number(locator, 0, 4) != kLocator64Signature) {
    if (needs_64) Refuse(reader.file(), "zip archive", "a zip64 locator", "none");
    return directory;
  }
  const auto end64 = reader.Part(Number(locator, 8, 8), kEnd64Size, "zip64 end record");
  if (Number(end64, 0, 4) != kEnd64Signature) Refuse(reader.file(), "zip archive", "a zip64 end record", "none");
  return {.offset = Number(end64, 48, 8), .size = Number(end64, 40, 8), .entries = Number(end64, 32, 8)};
}

struct Entry {
  std::string name;
  uint64_t size = 0;
  uint64_t stored_size = 0;
  uint64_t local_offset = 0;
};

// Fields that did not fit into 32 bits stand in the extra field 0x0001, in this order.
void ReadZip64(const Reader& reader, std::span<const std::byte> extra, Entry* entry) {
  while (extra.size() >= 4) {
    const uint64_t id = Number(extra, 0, 2);
    const uint64_t length = Number(extra, 2, 2);
    if (length > extra.size() - 4) break;
    std::span<const std::byte> field = extra.subspan(4, length);
    if (id == 1) {
      for (uint64_t* value : {&entry->size, &entry->stored_size, &entry->local_offset}) {
        if (*value != 0xffffffff) continue;
        if (field.size() < 8) Refuse(reader.file(), Printable(entry->name), "a zip64 size", "none");
        *value = Number(field, 0, 8);
        field = field.subspan(8);
      }
      return;
    }
    extra = extra.subspan(4 + length);
  }
}

std::span<const std::byte> EntryBytes(const Reader& reader, const Entry& entry) {
  const std::string item = Printable(entry.name);
  const auto local = reader.Part(entry.local_offset, kLocalSize, item);
  if (Number(local, 0, 4) != kLocalSignature) Refuse(reader.file(), item, "a local file header", "something else");
  const uint64_t skip = kLocalSize + Number(local, 26, 2) + Number(local, 28, 2);
  return reader.Part(entry.local_offset + skip, entry.size, item);
}

void CheckStored(const Reader& reader, std::span<const std::byte> record, const Entry& entry) {
  const std::string item = Printable(entry.name);
  constexpr char kRemedy[] = "save the checkpoint again with torch.save";
  const uint64_t method = Number(record, 10, 2);
  if (Number(record, 8, 2) & 1) Refuse(reader.file(), item, "no encryption", "an encrypted entry", kRemedy);
  if (method != 0 || entry.size != entry.stored_size) {
    Refuse(reader.file(), item, "an uncompressed entry", "compression method " + std::to_string(method), kRemedy);
  }
}

}  // namespace

std::map<std::string, std::span<const std::byte>> ReadZipDirectory(const MappedFile& file) {
  const Reader reader(file);
  const Directory directory = ReadEnd(reader);
  std::span<const std::byte> rest = reader.Part(directory.offset, directory.size, "zip directory");
  std::map<std::string, std::span<const std::byte>> entries;
  for (uint64_t n = 0; n < directory.entries; ++n) {
    if (rest.size() < kEntrySize || Number(rest, 0, 4) != kEntrySignature) {
      Refuse(file, "zip directory", std::to_string(directory.entries) + " entries", std::to_string(n));
    }
    const uint64_t name_size = Number(rest, 28, 2), extra_size = Number(rest, 30, 2);
    const uint64_t whole = kEntrySize + name_size + extra_size + Number(rest, 32, 2);
    if (whole > rest.size()) Refuse(file, "zip directory", "whole entries", "a cut one");
    Entry entry{.name = std::string(reinterpret_cast<const char*>(rest.data()) + kEntrySize, name_size),
                .size = Number(rest, 24, 4),
                .stored_size = Number(rest, 20, 4),
                .local_offset = Number(rest, 42, 4)};
    ReadZip64(reader, rest.subspan(kEntrySize + name_size, extra_size), &entry);
    CheckStored(reader, rest, entry);
    if (!entries.emplace(entry.name, EntryBytes(reader, entry)).second) {
      Refuse(file, Printable(entry.name), "each entry once", "this one twice");
    }
    rest = rest.subspan(whole);
  }
  return entries;
}

}  // namespace puna::engine
