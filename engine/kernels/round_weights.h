// Rounding of weights to small integers, without data.
#pragma once

#include <cstdint>

namespace puna::engine {

// Codes in [-127, 127] of x [n] under one scale, max|x| / 127, which is returned (0 for a row of zeros).
float RoundToInt8(const float* x, int64_t n, int8_t* codes);

// Codes in [-8, 7] of a group of 32 under one scale that float16 can hold, which is returned. Of the scales that map
// the largest value to between 5.2 and 8 the one with the least squared error is taken (a clip search as GPTQ's and
// SpinQuant's RTN do).
float RoundToInt4(const float* x, int8_t* codes);

}  // namespace puna::engine
