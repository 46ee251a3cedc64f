// A folder as people look at it, check it and clear it, while servers use it.
#include "engine/kv_disk/folder_report.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "tests/support/disk_blocks.h"
#include "tests/support/fake_disk.h"

namespace puna::engine {
namespace {

constexpr RecordKind kOtherKind{{7, 9}, kTestBlockBytes};

FolderReport Report(FakeDisk& disk) {
  FolderReport report;
  CHECK(ReportFolder(disk, report) == 0);
  return report;
}

std::pair<FolderFaults, std::vector<std::string>> Verify(FakeDisk& disk) {
  FolderFaults faults;
  std::vector<std::string> lines;
  CHECK(VerifyFolder(
            disk, [&](const std::string& line) { lines.push_back(line); }, faults) == 0);
  return {faults, lines};
}

std::string OnlySegment(const FakeDisk& disk) {
  std::string found;
  for (const auto& [name, bytes] : disk.Contents()) {
    if (name.ends_with(kSegmentEnding)) found = name;
  }
  return found;
}

TEST_CASE("models are told apart, with their labels, sizes and what was used") {
  FakeDisk disk;
  TestProcess first(disk), second(disk, int64_t{1} << 30, kOtherKind);
  CHECK(first.Write(TestNames(1, 0, 10)));
  CHECK(first.Write(TestNames(1, 10, 5)));
  CHECK(second.Write(TestNames(1, 0, 3)));
  LabelFolder(disk, kOtherKind.fingerprint, "small one, bf16");
  LabelFolder(disk, kOtherKind.fingerprint, "a second label changes nothing");
  FolderReport report = Report(disk);
  REQUIRE(report.models.size() == 2);
  CHECK(report.models[0].fingerprint == kTestKind.fingerprint);
  CHECK(report.models[0].label.empty());
  CHECK(report.models[0].blocks == 15);
  CHECK(report.models[0].files == 1);
  CHECK(report.models[0].last_used_ns == 0);
  CHECK(report.models[0].first_written_ns > 0);
  CHECK(report.models[1].label == "small one, bf16");
  CHECK(report.models[1].blocks == 3);
  CHECK(report.models[1].block_bytes == kTestBlockBytes);
  CHECK(report.bytes == report.models[0].bytes + report.models[1].bytes);
  second.store.Look();
  CHECK(second.Read(TestNames(1, 0, 3)) == 3);
  CHECK(Report(disk).models[1].last_used_ns > 0);
  disk.Set("strange.kv", std::vector<uint8_t>(100, 1));
  report = Report(disk);
  CHECK(report.unread_files == 1);
  CHECK(report.unread_bytes == 100);
  CHECK(report.models.size() == 2);
}

TEST_CASE("a label is printable, whatever stands in its file") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 1)));
  disk.Set(FingerprintText(kTestKind.fingerprint) + ".model", {'a', 27, '[', 0, 255});
  CHECK(Report(disk).models[0].label == "a?[??");
  CHECK(FingerprintText({0x1, 0xabc}) == "0000000000000abc0000000000000001");
}

TEST_CASE("every damaged block is found and named once, and no server reads it again") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 10)));
  CHECK(Verify(disk).first.sound_blocks == 10);
  const std::string name = OnlySegment(disk);
  auto bytes = disk.Contents()[name];
  bytes[static_cast<size_t>(BlockOffset(4, kTestBlockBytes)) + 17] ^= 1;
  disk.Set(name, bytes);
  const auto [faults, lines] = Verify(disk);
  CHECK(faults.sound_blocks == 9);
  CHECK(faults.damaged_blocks == 1);
  CHECK(faults.loose_bytes == 0);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] ==
        name + ": the block at byte " + std::to_string(BlockOffset(4, kTestBlockBytes)) + " is not what was written");
  TestProcess later(disk);
  later.store.Look();
  CHECK(later.Read(TestNames(1, 0, 10)) == 4);
  CHECK(later.reader.counts().damaged == 0);
  CHECK(Report(disk).models[0].damaged_blocks == 1);
  CHECK(Report(disk).models[0].blocks == 9);
}

TEST_CASE("what was cut off is told by its bytes, and a read that fails by its reason") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 2)));
  CHECK(process.Write(TestNames(1, 2, 2)));
  const std::string name = OnlySegment(disk);
  auto bytes = disk.Contents()[name];
  bytes.resize(bytes.size() - kRecordAlignment);
  disk.Set(name, bytes);
  const auto [faults, lines] = Verify(disk);
  CHECK(faults.sound_blocks == 2);
  CHECK(faults.loose_bytes == RecordBytes(2, kTestBlockBytes) - kRecordAlignment);
  CHECK(lines.empty());
  int reads = 0;
  disk.fault = [&](FakeDisk::Call call) { return call == FakeDisk::Call::kRead && ++reads == 2 ? -EIO : 0; };
  const auto [failed, why] = Verify(disk);
  CHECK(failed.damaged_blocks == 1);
  REQUIRE(why.size() == 1);
  CHECK(why[0].find("cannot be read: Input/output error") != std::string::npos);
  disk.fault = nullptr;
  CHECK(Verify(disk).first.sound_blocks == 2);  // it was not marked
}

TEST_CASE("one model goes and another stays, under servers that run") {
  FakeDisk disk;
  TestProcess first(disk), second(disk, int64_t{1} << 30, kOtherKind);
  CHECK(first.Write(TestNames(1, 0, 4)));
  CHECK(second.Write(TestNames(1, 0, 3)));
  LabelFolder(disk, kTestKind.fingerprint, "first");
  LabelFolder(disk, kOtherKind.fingerprint, "second");
  FolderCleared cleared;
  CHECK(ClearFolder(disk, kTestKind.fingerprint, cleared) == 0);
  CHECK(cleared.files == 1);
  CHECK(cleared.bytes > 4 * kTestBlockBytes);
  const FolderReport left = Report(disk);
  REQUIRE(left.models.size() == 1);
  CHECK(left.models[0].label == "second");
  first.store.Look();
  CHECK(first.Read(TestNames(1, 0, 4)) == 0);
  CHECK(first.Write(TestNames(1, 0, 4)));
  CHECK(Report(disk).models.size() == 2);
  cleared = {};
  CHECK(ClearFolder(disk, std::nullopt, cleared) == 0);
  CHECK(cleared.files == 2);
  CHECK(disk.bytes() == 0);
}

TEST_CASE("a folder that cannot be read or emptied says why") {
  FakeDisk disk;
  TestProcess process(disk);
  CHECK(process.Write(TestNames(1, 0, 1)));
  FolderReport report;
  FolderFaults faults;
  FolderCleared cleared;
  disk.fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kRemove ? -EROFS : 0; };
  CHECK(ClearFolder(disk, std::nullopt, cleared) == -EROFS);
  disk.fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kList ? -EACCES : 0; };
  CHECK(ReportFolder(disk, report) == -EACCES);
  CHECK(VerifyFolder(
            disk, [](const std::string&) {}, faults) == -EACCES);
  CHECK(ClearFolder(disk, std::nullopt, cleared) == -EACCES);
}

}  // namespace
}  // namespace puna::engine
