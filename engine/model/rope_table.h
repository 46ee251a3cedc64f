// Rotary position embedding: angular frequencies (scaled as the model's authors did) and the cosines of a step's positions.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/checkpoint/config/model_config.h"

namespace puna::engine {

// [head_dim / 2] angular frequencies; the rules of transformers' modeling_rope_utils.py when scaling is given.
std::vector<double> RopeInvFreq(int head_dim, double theta, const std::optional<RopeScaling>& scaling);

// Cosines and sines of position * inv_freq, times the scaling's attention_factor, angles in float64: rows
// [positions][head_dim / 2], made once a step.
class RopeRows {
 public:
  explicit RopeRows(std::vector<double> inv_freq, double magnitude = 1)
      : inv_freq_(std::move(inv_freq)), magnitude_(magnitude) {}
  RopeRows(int head_dim, double theta, const std::optional<RopeScaling>& scaling)
      : RopeRows(RopeInvFreq(head_dim, theta, scaling), scaling ? scaling->attention_factor : 1) {}

  void Resize(int64_t rows);
  void SetRow(int64_t row, int64_t position);  // rows may be set from several threads
  const float* cos(int64_t row) const { return cos_.data() + row * static_cast<int64_t>(inv_freq_.size()); }
  const float* sin(int64_t row) const { return sin_.data() + row * static_cast<int64_t>(inv_freq_.size()); }

 private:
  std::vector<double> inv_freq_;
  double magnitude_;
  std::vector<float> cos_, sin_;
};

}  // namespace puna::engine
