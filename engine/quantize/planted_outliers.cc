#include "engine/quantize/planted_outliers.h"

#include <utility>
#include <vector>

namespace puna::engine {
namespace {

constexpr int64_t kEvery = 32;

bool IsOutlier(int64_t channel) { return channel % kEvery == kEvery / 3; }

// diag(rows) W diag(cols).
class ScaledSource final : public WeightSource {
 public:
  ScaledSource(std::unique_ptr<WeightSource> inner, std::vector<float> rows, std::vector<float> cols)
      : inner_(std::move(inner)), row_scales_(std::move(rows)), col_scales_(std::move(cols)) {}
  std::string name() const override { return inner_->name(); }
  int64_t rows() const override { return inner_->rows(); }
  int64_t cols() const override { return inner_->cols(); }
  Encoding encoding() const override { return Encoding::kFloat; }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    inner_->ReadFloat(first, count, out);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t c = 0; c < cols(); ++c) {
        out[r * cols() + c] *= row_scales_[static_cast<size_t>(first + r)] * col_scales_[static_cast<size_t>(c)];
      }
    }
  }
  void Release() const override { inner_->Release(); }

 private:
  std::unique_ptr<WeightSource> inner_;
  std::vector<float> row_scales_, col_scales_;
};

// `factor` for the channels that become outliers; `period`: channels after which the pattern starts
// again (heads).
std::vector<float> Scales(int64_t n, int64_t period, float factor) {
  std::vector<float> scales(static_cast<size_t>(n), 1.0f);
  for (int64_t i = 0; i < n; ++i) {
    if (IsOutlier(i % period)) scales[static_cast<size_t>(i)] = factor;
  }
  return scales;
}

void Scale(LinearSource& linear, std::vector<float> rows, std::vector<float> cols) {
  linear.weight = std::make_unique<ScaledSource>(std::move(linear.weight), std::move(rows), std::move(cols));
}

}  // namespace

Checkpoint PlantOutliers(Checkpoint checkpoint, float factor) {
  const ModelConfig& c = checkpoint.config;
  const int64_t hidden = c.hidden_size, ffn = c.intermediate_size, head = c.head_dim;
  const float smaller = 1 / factor;
  for (LayerSource& layer : checkpoint.layers) {
    for (std::vector<float>* gains : {&layer.input_layernorm, &layer.post_attention_layernorm}) {
      for (int64_t i = 0; i < hidden; ++i) (*gains)[static_cast<size_t>(i)] *= IsOutlier(i) ? factor : 1.0f;
    }
    const auto ones = [](const LinearSource& linear) {
      return std::vector<float>(static_cast<size_t>(linear.weight->rows()), 1.0f);
    };
    for (LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.gate_proj}) {
      Scale(*linear, ones(*linear), Scales(hidden, hidden, smaller));
    }
    Scale(layer.v_proj, Scales(layer.v_proj.weight->rows(), head, factor), Scales(hidden, hidden, smaller));
    Scale(layer.o_proj, ones(layer.o_proj), Scales(layer.o_proj.weight->cols(), head, smaller));
    Scale(layer.up_proj, Scales(ffn, ffn, factor), Scales(hidden, hidden, smaller));
    Scale(layer.down_proj, ones(layer.down_proj), Scales(ffn, ffn, smaller));
  }
  return checkpoint;
}

}  // namespace puna::engine
