// Records on a disk that works, is shared, fills up and fails.
#include "engine/kv_disk/disk_store.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "engine/kv_disk/eviction.h"
#include "tests/support/disk_blocks.h"
#include "tests/support/fake_disk.h"

namespace puna::engine {
namespace {

TEST_CASE("what one process wrote comes back in it, in another that runs, and in one that starts later") {
  FakeDisk disk;
  TestProcess writer(disk), other(disk);
  other.store.Look();
  CHECK(writer.Write(TestNames(1, 0, 64)));
  CHECK(writer.Write(TestNames(1, 64, 10)));
  CHECK(writer.Read(TestNames(1, 0, 74)) == 74);
  CHECK(other.Read(TestNames(1, 0, 74)) == 0);
  other.store.Look();
  CHECK(other.index.CountFound(std::vector{TestName(1, 0).hash, TestName(1, 1).hash, TestName(2, 0).hash}) == 2);
  CHECK(other.Read(TestNames(1, 0, 74)) == 74);
  CHECK(other.Read(TestNames(1, 70, 10)) == 4);
  TestProcess later(disk);
  later.store.Look();
  CHECK(later.Read(TestNames(1, 3, 71)) == 71);
  CHECK(later.reader.counts().blocks == 71);
  CHECK(later.index.size() == 74);
}

TEST_CASE("runs end where the reader has had enough, and go on from record to record") {
  FakeDisk disk;
  TestProcess process(disk);
  for (int i = 0; i < 12; i += 3) CHECK(process.Write(TestNames(1, i, 3)));
  int calls = 0;
  const auto names = TestNames(1, 0, 12);
  CHECK(process.reader.Read(
            names, [&](std::span<const uint8_t>) { return ++calls < 8; }, [] {}) == 7);
  CHECK(calls == 8);
}

TEST_CASE("another model, another block size and another version are not read, and count for the limit") {
  FakeDisk disk;
  TestProcess writer(disk);
  CHECK(writer.Write(TestNames(1, 0, 4)));
  for (const RecordKind kind : {RecordKind{{1, 3}, kTestBlockBytes}, RecordKind{{1, 2}, kTestBlockBytes - 8}}) {
    TestProcess other(disk, int64_t{1} << 30, kind);
    other.store.Look();
    CHECK(other.index.size() == 0);
    CHECK(other.store.bytes() == disk.bytes());
  }
  auto [name, bytes] = *disk.Contents().begin();
  bytes[8] = kDiskFormatVersion + 1;
  disk.Set(name, bytes);
  TestProcess later(disk);
  later.store.Look();
  CHECK(later.index.size() == 0);
}

TEST_CASE("the limit is kept, whoever writes; what is used stays longest, its beginning behind its end") {
  FakeDisk disk;
  const int64_t record = RecordBytes(64, kTestBlockBytes);
  const int64_t limit = 40 * record;
  TestProcess process(disk, limit);
  disk.Set("0ld.kv", std::vector<uint8_t>(3 * record));  // of a version that nobody runs any more
  for (int text = 0; text < 300; ++text) {
    CHECK(process.Write(TestNames(text, 0, 64)));
    CHECK(disk.bytes() <= limit);
    if (text % 2 == 1) {
      CHECK(process.Read(TestNames(1, 0, 64)) == 64);
    }
  }
  CHECK_FALSE(disk.Contents().contains("0ld.kv"));
  CHECK(process.Read(TestNames(1, 0, 64)) == 64);
  CHECK(process.Read(TestNames(2, 0, 64)) >= 0);
  CHECK(process.Read(TestNames(299, 0, 64)) == 64);
  CHECK(process.Read(TestNames(100, 0, 64)) == 0);
  CHECK(process.store.evicted_files() > 3);
  CHECK(process.reports.empty());
  TestProcess smaller(disk, limit / 4);
  smaller.store.Look();
  CHECK(disk.bytes() <= limit / 4);
  process.store.Look();
  CHECK(process.Write(TestNames(1000, 0, 64)));  // its segment is gone: it begins another
  smaller.store.Look();
  CHECK(smaller.Read(TestNames(1000, 0, 64)) == 64);
}

TEST_CASE("files go in the order of the pool's rule") {
  const auto file = [](const char* name, int64_t written, int64_t used) {
    return DiskFileInfo{name, 100, 100, written, used};
  };
  const auto order = EvictionOrder({file("d", 1, 9), file("b", 5, 0), file("a", 2, 0), file("c", 3, 8)}, 1000);
  std::string names;
  for (const DiskFileInfo& f : order) names += f.name;
  CHECK(names == "abcd");
  names.clear();  // three quarters of 200 hold one protected file: the other is on probation again, by its last use
  for (const DiskFileInfo& f : EvictionOrder({file("d", 1, 9), file("b", 5, 0), file("a", 8, 0), file("c", 3, 7)}, 200))
    names += f.name;
  CHECK(names == "bcad");
}

TEST_CASE("a block that turned bad is no longer found, in any process, and its neighbours are") {
  FakeDisk disk;
  TestProcess writer(disk);
  CHECK(writer.Write(TestNames(1, 0, 8)));
  auto [name, bytes] = *disk.Contents().begin();
  bytes[static_cast<size_t>(BlockOffset(3, kTestBlockBytes)) + 500] ^= 1;
  disk.Set(name, bytes);
  TestProcess reader(disk);
  reader.store.Look();
  CHECK(reader.Read(TestNames(1, 0, 8)) == 3);
  CHECK(reader.reader.counts().damaged == 1);
  CHECK(reader.Read(TestNames(1, 3, 5)) == 0);
  CHECK(reader.Read(TestNames(1, 4, 4)) == 4);
  TestProcess later(disk);
  later.store.Look();
  CHECK(later.index.size() == 7);
  CHECK(later.Write(TestNames(1, 3, 1)));  // computed again
  CHECK(later.Read(TestNames(1, 0, 8)) == 8);
}

TEST_CASE("a file that vanishes, shrinks or cannot be read is a miss") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 8)));
  auto [name, bytes] = *disk.Contents().begin();
  bytes.resize(static_cast<size_t>(BlockOffset(5, kTestBlockBytes)));
  disk.Set(name, bytes);
  CHECK(process.Read(TestNames(1, 0, 8)) == 5);
  CHECK(process.Write(TestNames(2, 0, 8)));
  disk.fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kRead ? -EIO : 0; };
  CHECK(process.Read(TestNames(2, 0, 8)) == 0);
  CHECK(process.reader.counts().errors == 1);
  disk.fault = [](FakeDisk::Call) { return 0; };
  CHECK(process.Write(TestNames(3, 0, 8)));
  for (const auto& [file, content] : disk.Contents()) disk.Remove(file);
  CHECK(process.Read(TestNames(3, 0, 8)) == 0);
  process.store.Look();
  CHECK(process.index.size() == 0);
}

TEST_CASE("a full disk: what is ours makes room, a reason is said once, and writing goes on later") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 8)));
  disk.free_bytes = 1000;
  CHECK_FALSE(process.Write(TestNames(2, 0, 8)));
  CHECK_FALSE(process.Write(TestNames(2, 0, 8)));
  REQUIRE(process.reports.size() == 1);
  CHECK(process.reports[0].find("No space left") != std::string::npos);
  CHECK(process.Read(TestNames(1, 0, 8)) == 0);  // it went
  disk.free_bytes = int64_t{1} << 40;
  CHECK_FALSE(process.Write(TestNames(2, 0, 8)));  // not yet
  process.now = DiskStore::kFirstPause + 1;
  CHECK(process.Write(TestNames(2, 0, 8)));
  CHECK(process.Read(TestNames(2, 0, 8)) == 8);
}

TEST_CASE("a limit that holds no record is said, and nothing is written") {
  FakeDisk disk;
  TestProcess process(disk, 10000);
  CHECK_FALSE(process.Write(TestNames(1, 0, 8)));
  REQUIRE(process.reports.size() == 1);
  CHECK(process.reports[0].find("--kv-disk-gib") != std::string::npos);
  CHECK(disk.bytes() == 0);
}

// One life of a process: looks, writes, reads. False: a wrong byte.
bool Live(FakeDisk& disk, int64_t limit) {
  TestProcess process(disk, limit);
  process.store.Look();
  for (int text = 0; text < 4; ++text) {
    if (process.Read(TestNames(text, 0, 20)) < 0) return false;
    process.Write(TestNames(text, 0, 20));
    process.now += 2 * DiskStore::kLastPause;
    process.store.Look();
  }
  for (int text = 0; text < 4; ++text) {
    if (process.Read(TestNames(text, 0, 20)) < 0) return false;
  }
  return true;
}

TEST_CASE("whichever call fails, in whichever way, no byte is wrong and the next process finds its way") {
  const int64_t limit = 3 * RecordBytes(20, kTestBlockBytes);
  uint64_t num_calls = 0;
  {
    FakeDisk disk;
    CHECK(Live(disk, limit));
    num_calls = disk.num_calls;
  }
  CHECK(num_calls > 60);
  for (const int error : {-EIO, -ENOSPC, -EROFS}) {
    for (uint64_t n = 1; n <= num_calls; ++n) {
      CAPTURE(n);
      FakeDisk disk;
      for (const bool stays : {false, true}) {
        uint64_t calls = 0;
        disk.fault = [&](FakeDisk::Call) { return ++calls == n || (stays && calls > n) ? error : 0; };
        CHECK(Live(disk, limit));
      }
      disk.fault = [](FakeDisk::Call) { return 0; };
      TestProcess healthy(disk, limit);
      healthy.store.Look();
      CHECK(healthy.Read(TestNames(9, 0, 20)) == 0);
      CHECK(healthy.Write(TestNames(9, 0, 20)));
      CHECK(healthy.Read(TestNames(9, 0, 20)) == 20);
      CHECK(disk.bytes() <= limit);
    }
  }
}

TEST_CASE("after the power went, whatever the disk made of it, no byte is wrong") {
  std::mt19937 random(7);
  int found = 0, lost = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    FakeDisk disk;
    const uint64_t last = random() % 60;
    uint64_t calls = 0;
    // From some moment on nothing is synced any more; then the power goes.
    disk.fault = [&](FakeDisk::Call call) { return ++calls > last && call == FakeDisk::Call::kSync ? 1 : 0; };
    TestProcess before(disk);
    for (int text = 0; text < 6; ++text) before.Write(TestNames(text, 0, 1 + static_cast<int>(random() % 30)));
    disk.fault = [](FakeDisk::Call) { return 0; };
    disk.LosePower(random);
    TestProcess after(disk);
    after.store.Look();
    for (int text = 0; text < 6; ++text) {
      const int read = after.Read(TestNames(text, 0, 30));
      REQUIRE(read >= 0);
      (read > 0 ? found : lost) += 1;
    }
    CHECK(after.Write(TestNames(9, 0, 30)));
    CHECK(after.Read(TestNames(9, 0, 30)) == 30);
  }
  CHECK(found > 200);
  CHECK(lost > 200);
}

TEST_CASE("any byte turned anywhere: never a wrong one") {
  FakeDisk disk;
  TestProcess writer(disk);
  CHECK(writer.Write(TestNames(1, 0, 6)));
  CHECK(writer.Write(TestNames(2, 0, 6)));
  const auto [name, whole] = *disk.Contents().begin();
  std::mt19937 random(3);
  for (int round = 0; round < 1500; ++round) {
    std::vector<uint8_t> bytes = whole;
    for (uint32_t i = 0; i <= random() % 3; ++i)
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    disk.Set(name, bytes);
    TestProcess reader(disk);
    reader.store.Look();
    CHECK(reader.Read(TestNames(1, 0, 6)) >= 0);
    CHECK(reader.Read(TestNames(2, 0, 6)) >= 0);
  }
}

}  // namespace
}  // namespace puna::engine
