#include "engine/checkpoint/files/content_hash.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace puna::engine {
namespace {

std::vector<std::byte> Bytes(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>((i * 131 + 7) >> 2);
  return bytes;
}

TEST_CASE("the hash of files on people's disks stays what it was") {
  CHECK(ContentHash(Bytes(0)) == 0xe57f0b1923db41a2ull);
  CHECK(ContentHash(Bytes(31)) == 0xc99b5e6111b163c0ull);
  CHECK(ContentHash(Bytes(1000)) == 0x5d60dfa7f8211c92ull);
}

TEST_CASE("bytes in pieces of any size have the hash of the whole") {
  const std::vector<std::byte> bytes = Bytes(1000);
  for (size_t total : {size_t{0}, size_t{5}, size_t{32}, size_t{999}, size_t{1000}}) {
    const std::span<const std::byte> whole = std::span(bytes).first(total);
    for (size_t piece = 1; piece <= 70; ++piece) {
      PiecewiseHash hasher;
      for (size_t at = 0; at < total; at += piece) hasher.Add(whole.subspan(at, std::min(piece, total - at)));
      CHECK(hasher.Finish() == ContentHash(whole));
    }
  }
}

TEST_CASE("a flipped bit anywhere changes it, and so does a zero behind") {
  std::vector<std::byte> bytes = Bytes(77);
  const uint64_t hash = ContentHash(bytes);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{16};
    CHECK(ContentHash(bytes) != hash);
    byte ^= std::byte{16};
  }
  bytes.push_back(std::byte{0});
  CHECK(ContentHash(bytes) != hash);
}

}  // namespace
}  // namespace puna::engine
