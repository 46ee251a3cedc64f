#include "engine/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/base/exact_math.h"

namespace puna::engine {

namespace {

// The whole or fractional dimension that turns `turns` times within the original length.
double YarnDimension(double turns, int head_dim, double theta, const RopeScaling& scaling) {
  const double length = scaling.original_max_position_embeddings;
  return head_dim * std::log(length / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

// How much of dimension i is divided by the factor: 0 for those that turn often, 1 for the slow ones.
std::vector<double> YarnRamp(int head_dim, double theta, const RopeScaling& scaling) {
  double low = YarnDimension(scaling.beta_fast, head_dim, theta, scaling);
  double high = YarnDimension(scaling.beta_slow, head_dim, theta, scaling);
  if (scaling.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, head_dim - 1.0);
  if (low == high) high += 0.001;
  std::vector<double> ramp(head_dim / 2);
  for (int i = 0; i < head_dim / 2; ++i) ramp[i] = std::clamp((i - low) / (high - low), 0.0, 1.0);
  return ramp;
}

double Llama3Frequency(double f, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / f;
  const double original = scaling.original_max_position_embeddings;
  if (wavelength < original / scaling.high_freq_factor) return f;
  if (wavelength > original / scaling.low_freq_factor) return f / scaling.factor;
  const double t =
      (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - t) * f / scaling.factor + t * f;
}

}  // namespace

std::vector<double> RopeInvFreq(int head_dim, double theta, const std::optional<RopeScaling>& scaling) {
  const bool yarn = scaling && scaling->kind == RopeScaling::Kind::kYarn;
  const std::vector<double> ramp = yarn ? YarnRamp(head_dim, theta, *scaling) : std::vector<double>();
  std::vector<double> inv_freq(head_dim / 2);
  for (int i = 0; i < head_dim / 2; ++i) {
    double& f = inv_freq[i] = ExactPow(theta, -2.0 * i / head_dim);
    if (!scaling) continue;
    if (yarn) {
      f = f / scaling->factor * ramp[i] + f * (1 - ramp[i]);
    } else if (scaling->kind == RopeScaling::Kind::kLinear) {
      f /= scaling->factor;
    } else {
      f = Llama3Frequency(f, *scaling);
    }
  }
  return inv_freq;
}

void RopeRows::Resize(int64_t rows) {
  const size_t size = rows * inv_freq_.size();
  if (cos_.size() >= size) return;
  cos_.resize(size);
  sin_.resize(size);
}

void RopeRows::SetRow(int64_t row, int64_t position) {
  const size_t half = inv_freq_.size();
  for (size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * inv_freq_[i];
    const SinCos turn = ExactSinCos(angle);
    cos_[row * half + i] = static_cast<float>(magnitude_ * turn.cos);
    sin_[row * half + i] = static_cast<float>(magnitude_ * turn.sin);
  }
}

}  // namespace puna::engine
