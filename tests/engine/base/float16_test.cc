#include "engine/base/float16.h"

#include <doctest/doctest.h>

#include <cmath>

namespace puna::engine {
namespace {

TEST_CASE("a float16 widens to the value that its sign, exponent and mantissa say") {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const double sign = (h & 0x8000u) != 0 ? -1 : 1;
    const int exponent = static_cast<int>(h >> 10 & 31u);
    const double mantissa = h & 0x3ffu;
    const float wide = HalfToFloat(static_cast<uint16_t>(h));
    if (exponent == 31) {
      REQUIRE(std::isnan(wide) == (mantissa != 0));
      if (mantissa == 0) REQUIRE(wide == sign * HUGE_VAL);
    } else {
      REQUIRE(wide == sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25)));
    }
    REQUIRE(std::signbit(wide) == (sign < 0));
  }
}

TEST_CASE("a float16 survives the way there and back") {
  for (uint32_t h = 0; h < 0x7c00; ++h) {
    REQUIRE(FloatToHalf(HalfToFloat(static_cast<uint16_t>(h))) == h);
    REQUIRE(FloatToHalf(-HalfToFloat(static_cast<uint16_t>(h))) == (h | 0x8000u));
  }
  CHECK(FloatToHalf(65520.0f) == 0x7c00);
  CHECK(FloatToHalf(65519.0f) == 0x7bff);
  CHECK(FloatToHalf(1.0f + 0x1p-11f) == 0x3c00);  // a tie goes to even
  CHECK(FloatToHalf(1.0f + 0x1p-11f + 0x1p-20f) == 0x3c01);
}

}  // namespace
}  // namespace puna::engine
