// float8_e4m3fn: sign, four bits of exponent (bias 7, subnormals below), three of mantissa; no infinities.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace puna::engine {

inline constexpr std::array<float, 256> kFloat8Values = [] {
  std::array<float, 256> values{};
  for (int code = 0; code < 128; ++code) {
    const int exponent = code >> 3, mantissa = code & 7;
    float value = static_cast<float>(exponent == 0 ? mantissa : 8 + mantissa) / 512;  // the least one is 2^-9
    for (int e = 1; e < exponent; ++e) value *= 2;
    if (code == 127) value = std::numeric_limits<float>::quiet_NaN();
    values[static_cast<size_t>(code)] = value;
    values[static_cast<size_t>(code + 128)] = -value;
  }
  return values;
}();

inline float Float8Value(uint8_t code) { return kFloat8Values[code]; }

}  // namespace puna::engine
