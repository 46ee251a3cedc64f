#include "engine/model/rope_table.h"

#include <numbers>

#include "engine/base/exact_math.h"

namespace puna::engine {

std::vector<double> RopeInvFreq(int head_dim, double theta, const std::optional<RopeScaling>& scaling) {
  std::vector<double> inv_freq(head_dim / 2);
  for (int i = 0; i < head_dim / 2; ++i) {
    const double f = ExactPow(theta, -2.0 * i / head_dim);
    inv_freq[i] = f;
    if (!scaling) continue;
    const double wavelength = 2 * std::numbers::pi / f;
    const double original = scaling->original_max_position_embeddings;
    if (wavelength < original / scaling->high_freq_factor) continue;
    if (wavelength > original / scaling->low_freq_factor) {
      inv_freq[i] = f / scaling->factor;
      continue;
    }
    const double t = (original / wavelength - scaling->low_freq_factor) /
                     (scaling->high_freq_factor - scaling->low_freq_factor);
    inv_freq[i] = (1 - t) * f / scaling->factor + t * f;
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
    cos_[row * half + i] = static_cast<float>(turn.cos);
    sin_[row * half + i] = static_cast<float>(turn.sin);
  }
}

}  // namespace puna::engine
