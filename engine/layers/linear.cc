#include "engine/layers/linear.h"

#include <algorithm>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

// Rows that share a panel while it is in the second-level cache. The tiles of results stay below 32 KiB.
constexpr int kRowBlock = 96;
static_assert(kRowBlock % kMaxTileRows == 0);

constexpr int kHalfPanel = kPanelCols / 2;

// With few rows memory is the limit, and the kernels fetch ahead beyond a panel's end: neighbours in one task gain by it. With
// many rows, or few panels a thread, small tasks keep all threads busy to the end.
int64_t PanelsOfTask(int64_t panels, int64_t rows, int threads) {
  constexpr int64_t kTasksOfThread = 8;
  return rows > 32 ? 1 : std::clamp<int64_t>(panels / (threads * kTasksOfThread), 1, 4);
}

}  // namespace

GateUpColumn GateUpOf(int64_t packed_column) {
  const int64_t n = packed_column % kPanelCols;
  return {n >= kHalfPanel, packed_column / kPanelCols * kHalfPanel + n % kHalfPanel};
}

int64_t GateUpOutputs(int64_t intermediate_size) {
  return (intermediate_size + kHalfPanel - 1) / kHalfPanel * kPanelCols;
}

Linear::Linear(PackedWeight weight, Isa isa) : Linear(std::vector<PackedWeight>{std::move(weight)}, isa) {}

Linear::Linear(std::vector<PackedWeight> weights, Isa isa)
    : weights_(std::move(weights)),
      gemm_(&GetGemmKernels(isa)),
      groups_(&GetGroupProduct(isa)),
      elementwise_(&GetElementwiseKernels(isa)) {
  for (const PackedWeight& w : weights_) onednn_.push_back(OnednnPanels::For(w.format(), w.k, isa));
}

FormatSet Linear::formats() const {
  FormatSet formats;
  for (const PackedWeight& w : weights_) formats = formats | w.format();
  return formats;
}

size_t Linear::bytes() const {
  size_t total = 0;
  for (const PackedWeight& w : weights_) total += w.bytes();
  return total;
}

int64_t Linear::outputs() const {
  int64_t total = 0;
  for (const PackedWeight& w : weights_) total += w.outputs;
  return total;
}

bool Linear::uses_onednn() const {
  return std::any_of(onednn_.begin(), onednn_.end(), [](const OnednnPanels* panels) { return panels != nullptr; });
}

void Linear::Forward(const LinearInput& input, const LinearOutput& output, ThreadTeam& team) const {
  for (const PackedWeight& w : weights_) {
    PUNA_CHECK(input.In(w.format()).stride() == w.k)
        << input.In(w.format()).stride() << " for " << Name(w.form) << ' ' << w.k;
  }
  const bool paired = output.kind == LinearOutput::Kind::kSiluMul && weights_.size() == 2;
  int64_t panels = 0;
  for (const PackedWeight& w : weights_) panels = paired ? w.panels : panels + w.panels;
  const int64_t run = PanelsOfTask(panels, input.rows(), team.size());
  team.ForEach((panels + run - 1) / run, [&](int64_t task, int) {
    const int64_t end = std::min(panels, (task + 1) * run);
    for (int64_t panel = task * run; panel < end; ++panel) {
      paired ? GateUpPanel(input, output.y, panel) : ForwardPanel(input, output, panel);
    }
  });
}

// `panel` counts through all weights.
void Linear::ForwardPanel(const LinearInput& input, const LinearOutput& output, int64_t panel) const {
  alignas(64) float tile[kRowBlock * kPanelCols];
  const bool silu = output.kind == LinearOutput::Kind::kSiluMul;
  size_t part = 0;
  int64_t first_output = 0;
  for (; panel >= weights_[part].panels; ++part) {
    panel -= weights_[part].panels;
    first_output += weights_[part].outputs;
  }
  const int64_t width = silu ? kHalfPanel : kPanelCols;
  const int64_t first_col = first_output + panel * width;
  const int64_t end = silu ? output.y.cols : first_output + weights_[part].outputs;
  const int64_t cols = std::min(end - first_col, width);
  for (int64_t row = 0; row < input.rows(); row += kRowBlock) {
    const int rows = static_cast<int>(std::min<int64_t>(kRowBlock, input.rows() - row));
    PanelRows(input, part, panel, row, rows, tile);
    for (int r = 0; r < rows; ++r) {
      const float* result = tile + r * kPanelCols;
      float* y = output.y.row(row + r) + first_col;
      switch (output.kind) {
        case LinearOutput::Kind::kStore:
          std::copy(result, result + cols, y);
          break;
        case LinearOutput::Kind::kAdd:
          elementwise_->add(result, cols, y);
          break;
        case LinearOutput::Kind::kSiluMul:
          elementwise_->silu_mul(result, result + kHalfPanel, cols, y);
          break;
      }
    }
  }
}

// Gate and up, each a weight of its own.
void Linear::GateUpPanel(const LinearInput& input, MatView<float> y, int64_t panel) const {
  constexpr int kRows = kRowBlock / 2;
  static_assert(kRows % kMaxTileRows == 0);
  alignas(64) float gate[kRows * kPanelCols];
  alignas(64) float up[kRows * kPanelCols];
  const int64_t first_col = panel * kPanelCols;
  const int64_t cols = std::min<int64_t>(y.cols - first_col, kPanelCols);
  for (int64_t row = 0; row < input.rows(); row += kRows) {
    const int rows = static_cast<int>(std::min<int64_t>(kRows, input.rows() - row));
    PanelRows(input, 0, panel, row, rows, gate);
    PanelRows(input, 1, panel, row, rows, up);
    for (int r = 0; r < rows; ++r) {
      elementwise_->silu_mul(gate + r * kPanelCols, up + r * kPanelCols, cols, y.row(row + r) + first_col);
    }
  }
}

void Linear::PanelRows(const LinearInput& input, size_t part, int64_t panel, int64_t first_row, int rows,
                       float* tile) const {
  static constexpr float kNoSums[kPanelCols] = {};
  const PackedWeight& w = weights_[part];
  const ArrangedRows& x = input.In(w.format());
  const int64_t n = panel * kPanelCols;
  switch (w.format()) {
    case WeightFormat::kBf16:
      return Multiply(gemm_->bf16_panel, x, part, panel, first_row, rows, tile);
    case WeightFormat::kW8A8: {
      alignas(64) int32_t sums[kRowBlock * kPanelCols];
      Multiply(gemm_->int8_panel, x, part, panel, first_row, rows, sums);
      for (int r = 0; r < rows; ++r) {
        elementwise_->dequantize(sums + r * kPanelCols, w.sums.data() + n, w.scales.data() + n, x.quant(first_row + r),
                                 kPanelCols, tile + r * kPanelCols);
      }
      return;
    }
    case WeightFormat::kW4A8:
      Multiply(gemm_->int4_panel, x, part, panel, first_row, rows, tile);
      for (int r = 0; r < rows; ++r) {
        elementwise_->scale_row(w.weighted_sums.data() + n, x.quant(first_row + r), kPanelCols, tile + r * kPanelCols);
      }
      return;
    case WeightFormat::kGroups:
      groups_->multiply(w.form.groups, x.at(first_row), rows, w.panel(panel), w.k, tile, kPanelCols);
      for (int r = 0; r < rows; ++r) {
        elementwise_->scale_row(kNoSums, x.quant(first_row + r), kPanelCols, tile + r * kPanelCols);
      }
      return;
  }
}

// oneDNN takes its share of the rows, our own kernel the rest.
template <typename A, typename W, typename Y>
void Linear::Multiply(const PanelProduct<A, W, Y>& product, const ArrangedRows& input, size_t part, int64_t panel,
                      int64_t first_row, int rows, Y* y) const {
  const uint8_t* w = weights_[part].panel(panel);
  const int share = onednn_[part] != nullptr ? onednn_[part]->Share(rows) : 0;
  if (share > 0) onednn_[part]->Run(input.at(first_row), share, w, y);
  if (share < rows) {
    product.multiply(input.at(first_row + share), rows - share, reinterpret_cast<const W*>(w), weights_[part].k,
                     y + share * kPanelCols, kPanelCols);
  }
}

}  // namespace puna::engine
