#include "engine/kv_cache/block_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <vector>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

struct SipState {
  uint64_t v0, v1, v2, v3;

  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void Absorb(uint64_t word) {
    v3 ^= word;
    Rounds(2);
    v0 ^= word;
  }
  uint64_t Squeeze() {
    Rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

HashKey RandomHashKey() {
  std::random_device device;
  const auto word = [&device] { return uint64_t{device()} << 32 | device(); };
  return {word(), word()};
}

BlockHash SipHash128(std::span<const uint64_t> words, const HashKey& key) {
  SipState s{0x736f6d6570736575 ^ key[0], 0x646f72616e646f6d ^ key[1] ^ 0xee, 0x6c7967656e657261 ^ key[0],
             0x7465646279746573 ^ key[1]};
  for (const uint64_t word : words) s.Absorb(word);
  s.Absorb(static_cast<uint64_t>(words.size() * sizeof(uint64_t)) << 56);
  BlockHash hash;
  s.v2 ^= 0xee;
  hash.low = s.Squeeze();
  s.v1 ^= 0xdd;
  hash.high = s.Squeeze();
  return hash;
}

BlockHash RootHash(std::string_view salt, const HashKey& key) {
  if (salt.empty()) return kRootHash;
  // The length first, so that no salt is another with zeros behind it; and a number of words that no block has.
  std::vector<uint64_t> words(1 + std::max<size_t>((salt.size() + 7) / 8, 2 + kBlockSize));
  words[0] = salt.size();
  std::memcpy(&words[1], salt.data(), salt.size());
  return SipHash128(words, key);
}

BlockHash HashBlock(const BlockHash& parent, std::span<const TokenId> ids, const HashKey& key) {
  PUNA_CHECK(ids.size() == kBlockSize) << ids.size();
  constexpr size_t kIdWords = kBlockSize * sizeof(TokenId) / sizeof(uint64_t);
  std::array<uint64_t, 2 + kIdWords> words{parent.low, parent.high};
  std::memcpy(&words[2], ids.data(), ids.size_bytes());
  return SipHash128(words, key);
}

}  // namespace puna::engine
