#include "engine/checkpoint/files/content_hash.h"

#include <bit>
#include <cstring>

namespace puna::engine {
namespace {

constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15ull;  // 2^64 over the golden ratio, odd

uint64_t Mix(uint64_t state, uint64_t word) { return std::rotl((state ^ word) * kMultiplier, 29); }

}  // namespace

uint64_t ContentHash(std::span<const std::byte> bytes) {
  constexpr int kLanes = 4;  // independent chains, so that it runs at the speed of memory
  uint64_t lane[kLanes] = {1, 2, 3, 4};
  const std::byte* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8 * kLanes; left -= 8 * kLanes) {
    for (int i = 0; i < kLanes; ++i, p += 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      lane[i] = Mix(lane[i], word);
    }
  }
  uint64_t hash = Mix(kMultiplier, bytes.size());
  for (; left > 0; --left, ++p) hash = Mix(hash, static_cast<uint64_t>(*p));
  for (const uint64_t state : lane) hash = Mix(hash, state);
  return hash ^ (hash >> 32);
}

}  // namespace puna::engine
