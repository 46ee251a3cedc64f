#include "engine/kv_cache/block_hash.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace puna::engine {
namespace {

constexpr HashKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST_CASE("SipHash-128 gives the known answers") {
  // The empty message of the reference vectors, and ten words checked against OpenSSL's SIPHASH.
  const BlockHash empty = SipHash128({}, kKey);
  CHECK(empty.low == 0xe6a825ba047f81a3);
  CHECK(empty.high == 0x930255c71472f66d);
  std::vector<uint64_t> words(10);
  for (uint64_t i = 0; i < 10; ++i) words[i] = i * 0x0101010101010101 + 7;
  const BlockHash ten = SipHash128(words, kKey);
  CHECK(ten.low == 0xdabc52658d8cd6d7);
  CHECK(ten.high == 0x25834c612772c3df);
}

TEST_CASE("a block's name depends on its ids, their order, what stands before, and the key") {
  std::vector<TokenId> ids(kBlockSize);
  std::iota(ids.begin(), ids.end(), 0);
  const BlockHash name = HashBlock(kRootHash, ids, kKey);
  CHECK(name == HashBlock(kRootHash, ids, kKey));
  CHECK_FALSE(name == HashBlock(name, ids, kKey));
  CHECK_FALSE(name == HashBlock(kRootHash, ids, {1, 2}));
  std::swap(ids[3], ids[4]);
  CHECK_FALSE(name == HashBlock(kRootHash, ids, kKey));
}

}  // namespace
}  // namespace puna::engine
