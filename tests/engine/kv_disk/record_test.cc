#include "engine/kv_disk/record.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/disk_blocks.h"

namespace puna::engine {
namespace {

Record MakeRecord(int num_blocks) {
  Record record{kTestKind, {}, 0};
  for (const BlockName& name : TestNames(3, 0, num_blocks)) {
    record.entries.push_back({name, HashContent(TestBytes(name))});
  }
  return record;
}

TEST_CASE("a header comes back as it was, for one block and for as many as a record holds") {
  for (const int num_blocks : {1, 5, kMaxRunBlocks}) {
    Record record = MakeRecord(num_blocks);
    record.damaged = 1;
    const auto decoded = DecodeHeader(EncodeHeader(record));
    REQUIRE(decoded);
    CHECK(decoded->kind == record.kind);
    CHECK(decoded->damaged == 1);
    REQUIRE(decoded->entries.size() == record.entries.size());
    for (int i = 0; i < num_blocks; ++i) {
      CHECK(decoded->entries[i].name.hash == record.entries[i].name.hash);
      CHECK(decoded->entries[i].name.ids == record.entries[i].name.ids);
      CHECK(decoded->entries[i].content == record.entries[i].content);
    }
  }
}

TEST_CASE("a header with any bit turned is none, but for the word that may change") {
  const std::vector<uint8_t> whole = EncodeHeader(MakeRecord(7));
  std::mt19937 random(1);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<uint8_t> bytes = whole;
    bytes[at] ^= static_cast<uint8_t>(1u << random() % 8);
    const bool may_change = at >= kDamagedOffset && at < kDamagedOffset + 8;
    CHECK(DecodeHeader(bytes).has_value() == may_change);
  }
  CHECK_FALSE(DecodeHeader(std::span(whole).first(whole.size() - 1)));
  CHECK_FALSE(DecodeHeader(std::vector<uint8_t>(kHeaderBytes)));
}

TEST_CASE("records begin where a page does") {
  CHECK(RecordBytes(1, 1000) == 12288);
  CHECK(RecordBytes(4, 1024) == 12288);
  CHECK(RecordBytes(4, 1025) == 16384);
  CHECK(RecordBytes(64, 946176) == 8192 + 64 * 946176);
}

}  // namespace
}  // namespace puna::engine
