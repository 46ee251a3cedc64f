// Codes of a few bits, packed into words, as bytes: eight at a time, without loops over bits.
#pragma once

#include <cstdint>
#include <cstring>

namespace puna::engine {

// Nibble i of the word, lowest first, in byte i.
inline uint64_t SpreadNibbles(uint32_t word) {
  uint64_t x = word;
  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  return (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
}

// Bit pair i of the 16 bits, lowest first, in byte i.
inline uint64_t SpreadPairs(uint32_t half) {
  uint64_t x = half;
  x = (x | x << 24) & 0x000000ff000000ffu;
  x = (x | x << 12) & 0x000f000f000f000fu;
  return (x | x << 6) & 0x0303030303030303u;
}

// The 32 / bits codes of a word, lowest first; bits: 2, 4 or 8.
inline void SpreadWord(uint32_t word, int bits, uint8_t* codes) {
  if (bits == 8) {
    std::memcpy(codes, &word, 4);
  } else if (bits == 4) {
    const uint64_t eight = SpreadNibbles(word);
    std::memcpy(codes, &eight, 8);
  } else {
    const uint64_t low = SpreadPairs(word & 0xffffu), high = SpreadPairs(word >> 16);
    std::memcpy(codes, &low, 8);
    std::memcpy(codes + 8, &high, 8);
  }
}

// Byte j of tile[i] to byte i of tile[j]: halves, then quarters, then single bytes change places.
inline void TransposeBytes(uint64_t tile[8]) {
  const auto swap = [&](int i, int j, int shift, uint64_t mask) {
    const uint64_t moved = (tile[i] >> shift ^ tile[j]) & mask;
    tile[j] ^= moved;
    tile[i] ^= moved << shift;
  };
  for (const int i : {0, 1, 2, 3}) swap(i, i + 4, 32, 0x00000000ffffffffu);
  for (const int i : {0, 1, 4, 5}) swap(i, i + 2, 16, 0x0000ffff0000ffffu);
  for (const int i : {0, 2, 4, 6}) swap(i, i + 1, 8, 0x00ff00ff00ff00ffu);
}

}  // namespace puna::engine
