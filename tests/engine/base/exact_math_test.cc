// Beside the C library in long double, and at places whose bits must never change.
#include "engine/base/exact_math.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

namespace puna::engine {
namespace {

constexpr double kUnit = 0x1p-52;

TEST_CASE("logarithm, power and exponential are within a few units in the last place") {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-300, 300), near(0.5, 2);
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? near(random) : std::pow(10.0, exponent(random));
    const long double log = std::log(static_cast<long double>(x));
    REQUIRE(std::abs(static_cast<double>(ExactLog(x) - log)) <=
            2 * kUnit * std::abs(static_cast<double>(log)) + 1e-300);
    const double y = exponent(random);
    const long double exp = std::exp(static_cast<long double>(y));
    REQUIRE(std::abs(static_cast<double>((ExactExp(y) - exp) / exp)) <= 3 * kUnit);
  }
  CHECK(ExactLog(1.0) == 0.0);
  CHECK(ExactExp(0.0) == 1.0);
  CHECK(ExactPow(500000.0, 0.0) == 1.0);
  CHECK(std::abs(ExactPow(500000.0, -0.5) * std::sqrt(500000.0) - 1) <= 20 * kUnit);
}

TEST_CASE("sine and cosine, also of the largest positions") {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> small(-4, 4), large(-0x1p22, 0x1p22);
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? small(random) : large(random);
    const SinCos got = ExactSinCos(x);
    REQUIRE(std::abs(static_cast<double>(got.sin - std::sin(static_cast<long double>(x)))) <= 2 * kUnit);
    REQUIRE(std::abs(static_cast<double>(got.cos - std::cos(static_cast<long double>(x)))) <= 2 * kUnit);
  }
  CHECK(ExactSinCos(0.0).sin == 0.0);
  CHECK(ExactSinCos(0.0).cos == 1.0);
}

}  // namespace
}  // namespace puna::engine
