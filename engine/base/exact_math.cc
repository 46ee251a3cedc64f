#include "engine/base/exact_math.h"

#include <cmath>  // functions that are exact by definition
#include <cstdint>

namespace puna::engine {
namespace {

// ln 2 and pi / 2 in parts (Cody and Waite 1980): the first ones have so few bits that a multiple of them is exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kHalfPi1 = 0x1.921fb54400000p+0, kHalfPi2 = 0x1.0b4611a600000p-34, kHalfPi3 = 0x1.3198a2e037073p-69;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;

// x - x^3/3! + x^5/5! - ... for |x| <= pi / 4: the next term is below 2^-60 of x.
double SinNearZero(double x) {
  const double z = x * x;
  double sum = 0;
  for (int n = 19; n >= 3; n -= 2) sum = (1.0 - sum) * (z / (n * (n - 1)));
  return x - x * sum;
}

double CosNearZero(double x) {
  const double z = x * x;
  double sum = 0;
  for (int n = 20; n >= 4; n -= 2) sum = (1.0 - sum) * (z / (n * (n - 1)));
  return 1.0 - (1.0 - sum) * (z / 2);
}

}  // namespace

double ExactLog(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [1/2, 1)
  if (m < 0x1.6a09e667f3bcdp-1) {       // 1 / sqrt(2)
    m *= 2;
    --exponent;
  }
  // ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716: its series, to where the next term is below 2^-60.
  const double s = (m - 1) / (m + 1), z = s * s;
  double sum = 0;
  for (int n = 23; n >= 3; n -= 2) sum = z * (1.0 / n + sum);
  const double n = exponent;
  return n * kLn2High + (n * kLn2Low + (2 * s * sum + 2 * s));
}

double ExactExp(double x) {
  const double n = std::nearbyint(x * kInverseLn2);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= 0.35
  double sum = 1;
  for (int i = 15; i >= 1; --i) sum = 1 + sum * (r / i);
  return std::ldexp(sum, static_cast<int>(n));
}

SinCos ExactSinCos(double x) {
  const double n = std::nearbyint(x * kTwoOverPi);
  const double r = ((x - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
  const double sin = SinNearZero(r), cos = CosNearZero(r);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {sin, cos};
    case 1:
      return {cos, -sin};
    case 2:
      return {-sin, -cos};
    default:
      return {-cos, sin};
  }
}

}  // namespace puna::engine
