// MappedRange: a file that is mapped into our memory, noted so that whoever handles SIGBUS can name it, and so that it shows
// when somebody writes to it meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace puna::engine {

class MappedRange {
 public:
  // Owns the descriptor, of the mapped file, once it is made: where its memory fails, the descriptor is still the caller's.
  MappedRange(const void* begin, size_t bytes, std::string path, int fd);
  ~MappedRange();
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

  // The path of the file that is mapped there; null: none that was noted. May be called in a signal's handler.
  static const char* PathAt(const void* address);

  // The path of a file that is mapped and has another length or another time of change than when it was; empty: none. A file
  // that lost its name, or whose name is another's now, is what it was. From any thread.
  static std::string FindChanged();

 private:
  bool HasChanged() const;

  const std::string path_;
  const int fd_;
  int64_t size_ = 0, changed_ns_ = 0;
  size_t slot_ = 0;
};

}  // namespace puna::engine
