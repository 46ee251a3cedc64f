#include "engine/checkpoint/files/mapped_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <new>
#include <numeric>

#include "tests/support/failing_allocations.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;

namespace {

// Resident pages of mapped files, in KiB.
long ResidentFileKib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("RssFile:")) return std::stol(line.substr(8));
  }
  return -1;
}

long Sum(std::span<const std::byte> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0L,
                         [](long sum, std::byte b) { return sum + static_cast<long>(b); });
}

}  // namespace

TEST_CASE("released pages are not resident, and can be read again") {
  const size_t size = size_t{32} << 20;
  const TemporaryFolder folder;
  folder.Write("f", std::string(size, '\1'));
  const auto file = MappedFile::Open(folder.path() + "/f");
  REQUIRE(file->bytes().size() == size);
  const long before = ResidentFileKib();
  CHECK(Sum(file->bytes()) == static_cast<long>(size));
  if (ResidentFileKib() < before + 16 * 1024) {
    MESSAGE("skipped: this system does not count mapped pages in RssFile");
    return;
  }
  file->Release(file->bytes());
  CHECK(ResidentFileKib() < before + 8 * 1024);
  CHECK(Sum(file->bytes().subspan(5, 1000)) == 1000);
}

TEST_CASE("borrowed bytes survive Release") {
  const std::string bytes(100000, '\1');
  const auto file = MappedFile::Borrow("b", AsBytes(bytes));
  file->Release(file->bytes());
  CHECK(Sum(file->bytes()) == 100000);
}

TEST_CASE("an allocation that fails behind the mapping leaves neither it nor its descriptor") {
  const TemporaryFolder folder;
  folder.Write("f", std::string(10000, '\1'));
  const std::string path = folder.path() + "/f";
  MappedFile::Open(path);
  const auto count = [&] {
    std::ifstream maps("/proc/self/maps");
    int found = 0;
    for (std::string line; std::getline(maps, line);) found += line.ends_with(path);
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;  // the folder's own descriptor
      found += std::filesystem::read_symlink(fd.path(), gone) == path;
    }
    return found;
  };
  REQUIRE(count() == 0);
  int failed = 0;
  for (uint64_t skip = 0; skip == static_cast<uint64_t>(failed); ++skip) {
    CAPTURE(skip);
    try {
      const FailingAllocations faults({.skip = skip, .of = AllocationFaults::Of::kOwnThread});
      MappedFile::Open(path);
    } catch (const std::bad_alloc&) {
      ++failed;
    }
    CHECK(count() == 0);
    CHECK(MappedRange::FindChanged().empty());
  }
  CHECK(failed > 3);
}

TEST_CASE("what cannot be mapped says why") {
  const TemporaryFolder folder;
  folder.Write("empty", "");
  CHECK(MappedFile::Open(folder.path() + "/empty")->bytes().empty());
  CHECK(Contains(MessageOf([&] { MappedFile::Open(folder.path() + "/none"); }), "No such file"));
  CHECK(Contains(MessageOf([&] { MappedFile::Open(folder.path()); }), "found a folder"));
  CHECK(Contains(MessageOf([&] { MappedFile::Open("/dev/null"); }), "expected a regular file"));
}
