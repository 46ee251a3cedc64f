// The real file system, and the key of a folder.
#include "engine/kv_disk/posix_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "engine/kv_disk/folder_key.h"
#include "tests/support/disk_blocks.h"
#include "tests/support/fake_disk.h"
#include "tests/support/temporary_folder.h"

namespace puna::engine {
namespace {

using testing::TemporaryFolder;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("records come back from a real folder, private to their user") {
  const TemporaryFolder temporary;
  const std::string path = temporary.path() + "/deep/cache";
  int error = 0;
  const auto folder = OpenPosixFolder(path, error);
  REQUIRE(folder);
  TestProcess writer(*folder), reader(*folder);
  CHECK(writer.Write(TestNames(1, 0, 64)));
  CHECK(writer.Write(TestNames(1, 64, 5)));
  reader.store.Look();
  CHECK(reader.Read(TestNames(1, 0, 69)) == 69);
  CHECK(ModeOf(path) == 0700);
  std::vector<DiskFileInfo> files;
  CHECK(folder->List(kSegmentEnding, files) == 0);
  REQUIRE(files.size() == 1);
  CHECK(ModeOf(path + "/" + files[0].name) == 0600);
  CHECK(files[0].size == RecordBytes(64, kTestBlockBytes) + RecordBytes(5, kTestBlockBytes));
  CHECK(files[0].used_ns > files[0].written_ns);  // it was read
  std::filesystem::remove(path + "/" + files[0].name);
  CHECK(writer.Read(TestNames(1, 0, 69)) == 0);
  CHECK(writer.Write(TestNames(2, 0, 5)));
  reader.store.Look();
  CHECK(reader.Read(TestNames(2, 0, 5)) == 5);
}

TEST_CASE("links, pipes, folders and foreign names are passed over") {
  const TemporaryFolder temporary;
  int error = 0;
  const auto folder = OpenPosixFolder(temporary.path(), error);
  REQUIRE(folder);
  std::ofstream(temporary.path() + "/target") << "x";
  std::filesystem::create_symlink("target", temporary.path() + "/link.kv");
  std::filesystem::create_directory(temporary.path() + "/folder.kv");
  REQUIRE(mkfifo((temporary.path() + "/pipe.kv").c_str(), 0600) == 0);
  std::ofstream(temporary.path() + "/empty.kv").flush();
  std::ofstream(temporary.path() + "/junk.kv") << std::string(20000, 'j');
  std::vector<DiskFileInfo> files;
  CHECK(folder->List(kSegmentEnding, files) == 0);
  CHECK(files.size() == 2);
  CHECK(folder->Open("link.kv", false, error) == nullptr);
  CHECK(error == -ELOOP);
  TestProcess process(*folder, 100000);
  process.store.Look();
  CHECK(process.Write(TestNames(1, 0, 20)));
  CHECK(process.Write(TestNames(2, 0, 60)));
  CHECK(process.Read(TestNames(2, 0, 60)) == 60);
  CHECK_FALSE(std::filesystem::exists(temporary.path() + "/junk.kv"));  // it counted, and went
  CHECK(std::filesystem::exists(temporary.path() + "/target"));
  CHECK(std::filesystem::exists(temporary.path() + "/folder.kv"));
}

TEST_CASE("what is no folder is said") {
  const TemporaryFolder temporary;
  std::ofstream(temporary.path() + "/file") << "x";
  int error = 0;
  CHECK(OpenPosixFolder(temporary.path() + "/file", error) == nullptr);
  CHECK(error == ENOTDIR);
  CHECK(OpenPosixFolder(temporary.path() + "/file/below", error) == nullptr);
  CHECK(error == ENOTDIR);
}

TEST_CASE("all who share a folder share its key; a damaged one is made new; without one, none is shared") {
  FakeDisk disk;
  int error = 0;
  const HashKey key = FolderKey(disk, error);
  CHECK(error == 0);
  CHECK(FolderKey(disk, error) == key);
  CHECK(disk.Contents().size() == 1);
  FakeDisk another;
  CHECK(FolderKey(another, error) != key);
  std::vector<uint8_t> bytes = disk.Contents().at("key");
  bytes[20] ^= 1;
  disk.Set("key", bytes);
  const HashKey fresh = FolderKey(disk, error);
  CHECK(error == 0);
  CHECK(fresh != key);
  CHECK(FolderKey(disk, error) == fresh);
  FakeDisk read_only;
  read_only.fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kCreate ? -EROFS : 0; };
  const HashKey first = FolderKey(read_only, error);
  CHECK(error == -EROFS);
  CHECK(FolderKey(read_only, error) != first);
  read_only.fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kOpen ? -EIO : 0; };
  FolderKey(read_only, error);
  CHECK(error == -EIO);
}

}  // namespace
}  // namespace puna::engine
