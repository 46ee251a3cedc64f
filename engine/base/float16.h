// IEEE 754 binary16, as checkpoints and packed weights store it, to and from float32.
#pragma once

#include <bit>
#include <cmath>
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

// Rounds to nearest, ties to even; overflow becomes infinity.
inline uint16_t FloatToHalf(float f) {
  const auto u = std::bit_cast<uint32_t>(f);
  const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds beyond 65504
  if (magnitude < 0x38800000u) {                        // below 2^-14: subnormal, in units of 2^-24
    const float units = std::bit_cast<float>(magnitude) * 0x1p24f;
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(units)));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace puna::engine
