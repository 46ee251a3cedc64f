// One hash of a word's bytes, for the tables that words are looked up in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace puna::engine {

namespace word_hash {

inline uint64_t Load(const char* p, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, p, n);
  return word;
}

// Multiply, then fold the high half of the product onto the low one.
inline uint64_t Mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace word_hash

// Words of eight bytes, the last two overlapping, so that nothing is read outside the text.
inline uint32_t HashWord(std::string_view s) {
  using word_hash::Load;
  using word_hash::Mix;
  constexpr uint64_t kA = 0x9e3779b97f4a7c15u;
  constexpr uint64_t kB = 0xd6e8feb86659fd93u;
  const char* p = s.data();
  size_t n = s.size();
  uint64_t state = kA ^ n;
  uint64_t low, high;
  if (n >= 8) {
    for (; n > 16; n -= 8, p += 8) state = Mix(state ^ Load(p, 8), kB);
    low = Load(p, 8);
    high = Load(p + n - 8, 8);
  } else if (n >= 4) {
    low = Load(p, 4);
    high = Load(p + n - 4, 4);
  } else {
    const auto byte = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    low = n == 0 ? 0 : byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    high = 0;
  }
  const uint64_t mixed = Mix(low ^ state, high ^ kB);
  return static_cast<uint32_t>(mixed ^ mixed >> 32);
}

}  // namespace puna::engine
