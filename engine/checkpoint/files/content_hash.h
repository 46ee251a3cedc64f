// A fast 64-bit checksum of large files: finds damage and mix-ups, not forgers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace puna::engine {

uint64_t ContentHash(std::span<const std::byte> bytes);

}  // namespace puna::engine
