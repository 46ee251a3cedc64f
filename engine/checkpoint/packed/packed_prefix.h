// The first bytes of puna-packed.bin, for its writer and its reader.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace puna::engine {

inline constexpr uint32_t kPackedVersion = 1;

struct PackedPrefix {
  char magic[8] = {'P', 'U', 'N', 'A', 'P', 'A', 'C', 'K'};
  uint32_t version = kPackedVersion;
  uint32_t zero = 0;
  uint64_t header_offset = 0;
  uint64_t header_bytes = 0;
  uint64_t header_hash = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(PackedPrefix) == 48);

// 64 bits as text, since JSON's numbers do not hold them all.
inline std::string HashText(uint64_t hash) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace puna::engine
