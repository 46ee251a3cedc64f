// MappedFile: the bytes of a file, mapped read-only, or bytes that stand for one. Shared by the tensors in it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "engine/base/mapped_range.h"

namespace puna::engine {

class MappedFile {
 public:
  // Throws std::runtime_error with the path. The file must not be written to while it is mapped; engine/base/mapped_range.h
  // says who notices.
  static std::shared_ptr<const MappedFile> Open(const std::string& path);
  // Bytes that outlive every user of the result, e.g. embedded in the binary.
  static std::shared_ptr<const MappedFile> Borrow(std::string name, std::span<const std::byte> bytes);
  // Bytes of its own.
  static std::shared_ptr<const MappedFile> Keep(std::string name, std::string bytes);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  // Gives the pages under `part` back to the kernel; a later read faults them in again from the file. Thread-safe.
  void Release(std::span<const std::byte> part) const;

  // Has the kernel begin to read `part` from the disk, and does not wait for it.
  void Prefetch(std::span<const std::byte> part) const;

  // Reads `part` from the disk, unless it is in the page cache, and enters its pages into our memory.
  void Populate(std::span<const std::byte> part) const;

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes);

  std::string path_;
  std::string kept_;
  std::span<const std::byte> bytes_;
  std::unique_ptr<const MappedRange> range_;  // null: not mapped
};

}  // namespace puna::engine
