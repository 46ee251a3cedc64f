// DiskFolder, DiskFile: what the cache on disk asks of a file system, and nothing more, so that tests can put one in its
// place that fails on demand. Calls return a negative errno value when they fail; none throws. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace puna::engine {

struct DiskFileInfo {
  std::string name;
  int64_t size = 0;        // bytes
  int64_t allocated = 0;   // bytes that it takes on the disk
  int64_t written_ns = 0;  // since 1970
  int64_t used_ns = 0;     // since 1970: the last DiskFile::Touch; not later than written_ns: none since then
};

class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // As pread and pwrite, but only an end of the file makes a read short, and only a failure a write.
  virtual int64_t ReadAt(std::span<uint8_t> into, int64_t offset) = 0;
  virtual int64_t WriteAt(std::span<const uint8_t> bytes, int64_t offset) = 0;
  virtual int Truncate(int64_t size) = 0;
  // The data is on the disk when it returns 0; [offset, offset + bytes) need not stay in memory.
  virtual int Sync(int64_t offset, int64_t bytes) = 0;
  virtual int Touch() = 0;           // used now
  virtual bool removed() const = 0;  // its name is gone
};

class DiskFolder {
 public:
  virtual ~DiskFolder() = default;
  // The regular files of this user whose names end like this.
  virtual int List(const std::string& ending, std::vector<DiskFileInfo>& files) = 0;
  // Null, and `error` says why. Create: the name must be new.
  virtual std::unique_ptr<DiskFile> Open(const std::string& name, bool writable, int& error) = 0;
  virtual std::unique_ptr<DiskFile> Create(const std::string& name, int& error) = 0;
  // Gives a file a second name, which must be new.
  virtual int Link(const std::string& name, const std::string& second) = 0;
  virtual int Remove(const std::string& name) = 0;
  // Bytes of the file system, in all and free for this user.
  virtual int Space(int64_t& all, int64_t& free) = 0;
  virtual std::string path() const = 0;  // for people
};

}  // namespace puna::engine
