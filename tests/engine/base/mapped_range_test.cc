// A file that is mapped is named by its addresses, and shows when somebody writes to it.
#include "engine/base/mapped_range.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace puna::engine {
namespace {

struct TestFile {
  std::string path = "/tmp/puna-mapped-XXXXXX";
  int fd = mkstemp(path.data());

  TestFile() { REQUIRE(write(fd, "0123456789", 10) == 10); }
  ~TestFile() {
    close(fd);
    unlink(path.c_str());
  }
  std::unique_ptr<MappedRange> Note(const void* begin, size_t bytes) const {
    return std::make_unique<MappedRange>(begin, bytes, path, open(path.c_str(), O_RDONLY));
  }
};

TEST_CASE("an address belongs to the file that is mapped there, while it is") {
  const TestFile file;
  static const char memory[100] = {};
  auto range = file.Note(memory + 10, 50);
  CHECK(MappedRange::PathAt(memory + 9) == nullptr);
  REQUIRE(MappedRange::PathAt(memory + 10) != nullptr);
  CHECK(MappedRange::PathAt(memory + 59) == file.path);
  CHECK(MappedRange::PathAt(memory + 60) == nullptr);
  range.reset();
  CHECK(MappedRange::PathAt(memory + 20) == nullptr);
}

TEST_CASE("more files than there are places are mapped all the same, and watched") {
  const TestFile file;
  static const char memory[2000] = {};
  std::vector<std::unique_ptr<MappedRange>> ranges;
  for (int i = 0; i < 1030; ++i) ranges.push_back(file.Note(memory + i, 1));
  CHECK(MappedRange::PathAt(memory) == file.path);
  CHECK(MappedRange::PathAt(memory + 1029) == nullptr);
  REQUIRE(ftruncate(file.fd, 3) == 0);
  CHECK(MappedRange::FindChanged() == file.path);
  ranges.clear();
  CHECK(MappedRange::FindChanged().empty());
  const auto again = file.Note(memory + 1, 1);
  CHECK(MappedRange::PathAt(memory + 1) == file.path);
}

TEST_CASE("a file shows that it was written to, but not that it was read, renamed or removed") {
  const TestFile file;
  const auto range = file.Note(&file, 1);
  char byte;
  CHECK(pread(file.fd, &byte, 1, 0) == 1);
  const std::string other = file.path + ".other";
  REQUIRE(rename(file.path.c_str(), other.c_str()) == 0);
  CHECK(MappedRange::FindChanged().empty());
  unlink(other.c_str());
  CHECK(MappedRange::FindChanged().empty());
  const timespec times[2] = {{0, UTIME_OMIT}, {5, 0}};
  REQUIRE(futimens(file.fd, times) == 0);
  CHECK(MappedRange::FindChanged() == file.path);
}

}  // namespace
}  // namespace puna::engine
