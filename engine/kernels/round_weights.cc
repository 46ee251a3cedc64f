#include "engine/kernels/round_weights.h"

#include <algorithm>
#include <cmath>

#include "engine/base/float16.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding and taking it away rounds to the nearest integer

float Rounded(float x, float low, float high) { return std::min(std::max((x + kMagic) - kMagic, low), high); }

float SquaredError(const float* x, float scale) {
  const float inverse = 1.0f / scale;
  float error[8] = {};  // eight chains, so that the compiler may use vectors
  for (int i = 0; i < kInt4Group; i += 8) {
    for (int j = 0; j < 8; ++j) {
      const float d = x[i + j] - scale * Rounded(x[i + j] * inverse, -8.0f, 7.0f);
      error[j] += d * d;
    }
  }
  return ((error[0] + error[4]) + (error[2] + error[6])) + ((error[1] + error[5]) + (error[3] + error[7]));
}

}  // namespace

float RoundToInt8(const float* x, int64_t n, int8_t* codes) {
  float top = 0;
  for (int64_t i = 0; i < n; ++i) top = std::max(top, std::abs(x[i]));
  const float scale = top / 127.0f;
  const float inverse = top > 0 ? 127.0f / top : 0.0f;
  for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<int8_t>(Rounded(x[i] * inverse, -127.0f, 127.0f));
  return scale;
}

float RoundToInt4(const float* x, int8_t* codes) {
  float extreme = 0;  // the value of largest magnitude, with its sign: the eighth code exists on one side only
  for (int i = 0; i < kInt4Group; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  float best_scale = 0;
  float best_error = INFINITY;
  for (const float target : {8.0f, 7.5f, 7.0f, 6.6f, 6.2f, 5.8f, 5.5f, 5.2f}) {
    for (const float sign : {-1.0f, 1.0f}) {
      if (sign > 0 && target > 7.0f) continue;
      const float scale = HalfToFloat(FloatToHalf(sign * extreme / target));
      if (scale == 0 || !std::isfinite(scale)) continue;
      const float error = SquaredError(x, scale);
      if (error < best_error) {
        best_error = error;
        best_scale = scale;
      }
    }
  }
  const float inverse = best_scale != 0 ? 1.0f / best_scale : 0.0f;
  for (int i = 0; i < kInt4Group; ++i) codes[i] = static_cast<int8_t>(Rounded(x[i] * inverse, -8.0f, 7.0f));
  return best_scale;
}

}  // namespace puna::engine
