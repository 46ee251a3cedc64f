// A fast 64-bit checksum of large files: finds damage and mix-ups, not forgers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace puna::engine {

uint64_t ContentHash(std::span<const std::byte> bytes);

// The same over bytes that come in pieces.
class PiecewiseHash {
 public:
  void Add(std::span<const std::byte> bytes);
  uint64_t Finish() const;

 private:
  static constexpr size_t kLanes = 4;  // independent chains, so that it runs at the speed of memory
  static constexpr size_t kStride = 8 * kLanes;
  void AddStride(const std::byte* bytes);

  std::array<uint64_t, kLanes> lanes_ = {1, 2, 3, 4};
  std::array<std::byte, kStride> rest_{};  // what no whole stride has come of yet
  size_t rest_bytes_ = 0;
  uint64_t total_ = 0;
};

}  // namespace puna::engine
