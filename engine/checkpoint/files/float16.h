// IEEE 754 binary16, as checkpoints store it.
#pragma once

#include <bit>
#include <cstdint>

namespace puna::engine {

// Exact for every value: subnormals, infinities and NaN too.
inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half & 0x7c00u;
  const uint32_t mantissa = half & 0x03ffu;
  const uint32_t normal = (static_cast<uint32_t>(half & 0x7fffu) << 13) + (112u << 23);
  const uint32_t special = 0x7f800000u | (mantissa << 13);
  const auto subnormal = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(mantissa)) * 0x1p-24f);
  const uint32_t magnitude = exponent == 0x7c00u ? special : exponent == 0 ? subnormal : normal;
  return std::bit_cast<float>(sign | magnitude);
}

}  // namespace puna::engine
