#include "server/hub/part_file.h"

#include <doctest/doctest.h>

#include <vector>

#include "server/hub/digest.h"
#include "tests/support/temporary_folder.h"

namespace puna::server {
namespace {

using testing::TemporaryFolder;

constexpr int64_t kMiB = 1 << 20;

std::string Content(int64_t size) {
  std::string text(static_cast<size_t>(size), '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761u >> 11);
  return text;
}

// Writes what the span is for, in pieces of no round size, up to `end`.
void Fill(PartFile* part, Span* span, const std::string& content, int64_t end) {
  while (span->at < end) {
    const auto piece = static_cast<size_t>(std::min<int64_t>(end - span->at, 70001));
    part->Write(span, std::string_view(content).substr(static_cast<size_t>(span->at), piece));
  }
}

TEST_CASE("spans cover the content once, and it comes together") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.puna-part", content = Content(5 * kMiB + 123);
  PartFile part(path, static_cast<int64_t>(content.size()));
  std::vector<Span> spans;
  for (Span span = part.Take(2 * kMiB); span.at < span.end; span = part.Take(2 * kMiB)) spans.push_back(span);
  REQUIRE(spans.size() == 3);
  CHECK(spans[2].end == part.size());
  CHECK_FALSE(part.complete());
  for (const size_t i : {2, 0, 1}) Fill(&part, &spans[i], content, spans[i].end);
  CHECK(part.complete());
  part.Finish();
  CHECK(folder.Read("x.puna-part") == content);
}

TEST_CASE("who opens it again goes on behind the last whole chunk") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.puna-part", content = Content(3 * kMiB + 5);
  const auto size = static_cast<int64_t>(content.size());
  {
    PartFile part(path, size);
    Span span = part.Take(size);
    Fill(&part, &span, content, kMiB + 400000);
  }
  CHECK(BytesInPart(path, size) == kMiB);
  PartFile part(path, size);
  CHECK(part.have() == kMiB);
  Span rest = part.Take(10 * kMiB);
  CHECK(rest.begin == kMiB);
  Fill(&part, &rest, content, rest.end);
  CHECK(part.complete());
  part.Finish();
  CHECK(folder.Read("x.puna-part") == content);
}

TEST_CASE("what is no part of this content is begun anew") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.puna-part";
  for (const std::string& other : {std::string("rubbish"), std::string(2 * kMiB + 18, 'x'), std::string()}) {
    folder.Write("x.puna-part", other);
    CHECK(BytesInPart(path, 2 * kMiB) == 0);
    CHECK(PartFile(path, 2 * kMiB).have() == 0);
  }
  PartFile(path, 3 * kMiB);
  CHECK(BytesInPart(path, 2 * kMiB) == 0);
  CHECK(BytesInPart(folder.path() + "/none", 5) == 0);
}

TEST_CASE("a whole content that was not renamed counts, and an empty one is complete") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.puna-part", content = Content(kMiB + 1);
  folder.Write("x.puna-part", content);
  PartFile part(path, kMiB + 1);
  CHECK(part.complete());
  part.Finish();
  CHECK(folder.Read("x.puna-part") == content);
  CHECK(PartFile(folder.path() + "/empty", 0).complete());
}

TEST_CASE("all at once, and forgetting") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.puna-part", content = Content(2 * kMiB);
  PartFile part(path, 2 * kMiB);
  Span span = part.TakeAll();
  CHECK(part.Take(kMiB).end == 0);
  Fill(&part, &span, content, span.end);
  CHECK(part.complete());
  part.Clear();
  CHECK(part.have() == 0);
  CHECK(BytesInPart(path, 2 * kMiB) == 0);
}

TEST_CASE("digests as sha256sum and git hash-object give them") {
  const TemporaryFolder folder;
  folder.Write("x", "hello\nand more");
  const auto go_on = [] { return true; };
  const std::string path = folder.path() + "/x";
  CHECK(DigestOfFile(path, 6, true, go_on) == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  CHECK(DigestOfFile(path, 6, false, go_on) == "ce013625030ba8dba906f756967f9e9ca394464a");
  CHECK(DigestOfFile(path, 0, false, go_on) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK_THROWS(DigestOfFile(path, 100, true, go_on));
  CHECK_THROWS(DigestOfFile(path, 6, true, [] { return false; }));
}

}  // namespace
}  // namespace puna::server
