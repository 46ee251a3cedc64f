// Functions of the C library that IEEE 754 does not fix to the bit, in operations that it does: every machine and every library
// gives the same result. Within a few units in the last place of float64.
#pragma once

namespace puna::engine {

// Natural logarithm of a finite x > 0.
double ExactLog(double x);

// e^x for |x| <= 700.
double ExactExp(double x);

// base^exponent for a finite base > 0 and results between e^-700 and e^700.
inline double ExactPow(double base, double exponent) { return ExactExp(exponent * ExactLog(base)); }

struct SinCos {
  double sin = 0;
  double cos = 0;
};

// Of x in radians, |x| <= 2^22.
SinCos ExactSinCos(double x);

}  // namespace puna::engine
