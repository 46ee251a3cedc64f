#include "engine/layers/linear.h"

#include <algorithm>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

// Rows that share a panel while it is in the second-level cache. The tiles of results stay below 32 KiB.
constexpr int kRowBlock = 96;
static_assert(kRowBlock % kMaxTileRows == 0);

constexpr int kHalfPanel = kPanelCols / 2;

// With few rows memory is the limit, and the kernels fetch ahead beyond a panel's end: neighbours in one task gain by it, unless
// they are read by turns. With many rows, or few panels a thread, small tasks keep all threads busy to the end.
int64_t PanelsOfTask(int64_t panels, int64_t rows, bool by_turns, int threads) {
  if (rows > 32) return 1;
  if (rows == 1 && by_turns) return std::clamp<int64_t>(panels / (threads * int64_t{4}), 1, kPanelsByTurns);
  return std::clamp<int64_t>(panels / (threads * int64_t{8}), 1, 4);
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
  for (const PackedWeight& w : weights_) {
    const auto same = [&](std::span<const int32_t> order) { return std::ranges::equal(order, w.column_order()); };
    const auto found = std::ranges::find_if(orders_, same);
    order_of_.push_back(w.format() == WeightFormat::kGroups ? static_cast<size_t>(found - orders_.begin()) : 0);
    if (w.format() == WeightFormat::kGroups && found == orders_.end()) orders_.push_back(w.column_order());
  }
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
  for (size_t part = 0; part < weights_.size(); ++part) {
    const PackedWeight& w = weights_[part];
    const ArrangedRows& rows = input.In(w.format(), order_of_[part]);
    PUNA_CHECK(rows.stride() == w.k) << rows.stride() << " for " << Name(w.form) << ' ' << w.k;
    PUNA_CHECK(rows.ordered() == w.form.ordered) << "columns in another order for " << Name(w.form);
  }
  const bool paired = output.kind == LinearOutput::Kind::kSiluMul && weights_.size() == 2;
  int64_t panels = 0;
  for (const PackedWeight& w : weights_) panels = paired ? w.panels : panels + w.panels;
  const int64_t run = PanelsOfTask(panels, input.rows(), ByTurns(0), team.size());
  team.ForEach((panels + run - 1) / run, [&](int64_t task, int) {
    const int64_t end = std::min(panels, (task + 1) * run);
    for (int64_t panel = task * run; panel < end;) {
      panel += paired ? GateUpPanels(input, output.y, panel, end) : ForwardPanels(input, output, panel, end);
    }
  });
}

// Whether one row is multiplied with several of this weight's panels at a time.
bool Linear::ByTurns(size_t part) const {
  if (onednn_[part] != nullptr && onednn_[part]->Share(1) > 0) return false;
  switch (weights_[part].format()) {
    case WeightFormat::kBf16:
      return gemm_->bf16_panel.multiply_row != nullptr;
    case WeightFormat::kW8A8:
      return gemm_->int8_panel.multiply_row != nullptr;
    case WeightFormat::kW4A8:
      return gemm_->int4_panel.multiply_row != nullptr;
    case WeightFormat::kGroups:
      return groups_->multiply_row != nullptr;
  }
  return false;
}

// The panel, which counts through all weights, and perhaps some behind it up to `end`; returns how many.
int64_t Linear::ForwardPanels(const LinearInput& input, const LinearOutput& output, int64_t panel, int64_t end) const {
  alignas(64) float tile[kRowBlock * kPanelCols];
  Panels panels{.first = panel};
  int64_t first_output = 0, left = end - panel;
  for (; panels.first >= weights_[panels.part].panels; ++panels.part) {
    panels.first -= weights_[panels.part].panels;
    first_output += weights_[panels.part].outputs;
  }
  left = std::min(left, weights_[panels.part].panels - panels.first);
  if (input.rows() == 1 && ByTurns(panels.part))
    panels.count = static_cast<int>(std::min<int64_t>(left, kPanelsByTurns));
  for (int64_t row = 0; row < input.rows(); row += kRowBlock) {
    const int rows = static_cast<int>(std::min<int64_t>(kRowBlock, input.rows() - row));
    PanelRows(input, panels, row, rows, tile);
    for (int r = 0; r < rows; ++r) Finish(tile + r * panels.cols(), panels, output, first_output, row + r);
  }
  return panels.count;
}

// What becomes of one row of the product. first_output: of the weight.
void Linear::Finish(const float* result, const Panels& panels, const LinearOutput& output, int64_t first_output,
                    int64_t row) const {
  if (output.kind == LinearOutput::Kind::kSiluMul) {
    for (int64_t p = panels.first; p < panels.first + panels.count; ++p, result += kPanelCols) {
      const int64_t col = first_output + p * kHalfPanel;
      const int64_t cols = std::min<int64_t>(output.y.cols - col, kHalfPanel);
      elementwise_->silu_mul(result, result + kHalfPanel, cols, output.y.row(row) + col);
    }
    return;
  }
  const int64_t col = panels.first * kPanelCols;
  const int64_t cols = std::min(weights_[panels.part].outputs - col, panels.cols());
  float* y = output.y.row(row) + first_output + col;
  if (output.kind == LinearOutput::Kind::kAdd) {
    elementwise_->add(result, cols, y);
  } else {
    std::copy(result, result + cols, y);
  }
}

// Gate and up, each a weight of its own; as ForwardPanels.
int64_t Linear::GateUpPanels(const LinearInput& input, MatView<float> y, int64_t panel, int64_t end) const {
  constexpr int kRows = kRowBlock / 2;
  static_assert(kRows % kMaxTileRows == 0);
  alignas(64) float gate[kRows * kPanelCols];
  alignas(64) float up[kRows * kPanelCols];
  Panels panels{.first = panel};
  if (input.rows() == 1 && ByTurns(0) && ByTurns(1)) {
    panels.count = static_cast<int>(std::min<int64_t>(end - panel, kPanelsByTurns));
  }
  const int64_t first_col = panel * kPanelCols;
  const int64_t cols = std::min(y.cols - first_col, panels.cols());
  for (int64_t row = 0; row < input.rows(); row += kRows) {
    const int rows = static_cast<int>(std::min<int64_t>(kRows, input.rows() - row));
    PanelRows(input, panels, row, rows, gate);
    PanelRows(input, {1, panel, panels.count}, row, rows, up);
    for (int r = 0; r < rows; ++r) {
      elementwise_->silu_mul(gate + r * panels.cols(), up + r * panels.cols(), cols, y.row(row + r) + first_col);
    }
  }
  return panels.count;
}

// tile [rows, panels.cols()]; several panels for one row only.
void Linear::PanelRows(const LinearInput& input, const Panels& panels, int64_t first_row, int rows, float* tile) const {
  static constexpr float kNoSums[kPanelsByTurns * kPanelCols] = {};
  const PackedWeight& w = weights_[panels.part];
  const ArrangedRows& x = input.In(w.format(), order_of_[panels.part]);
  const int64_t n = panels.first * kPanelCols, cols = panels.cols();
  switch (w.format()) {
    case WeightFormat::kBf16:
      return Multiply(gemm_->bf16_panel, x, panels, first_row, rows, tile);
    case WeightFormat::kW8A8: {
      alignas(64) int32_t sums[kRowBlock * kPanelCols];
      Multiply(gemm_->int8_panel, x, panels, first_row, rows, sums);
      for (int r = 0; r < rows; ++r) {
        elementwise_->dequantize(sums + r * cols, w.sums.data() + n, w.scales.data() + n, x.quant(first_row + r), cols,
                                 tile + r * cols);
      }
      return;
    }
    case WeightFormat::kW4A8:
      Multiply(gemm_->int4_panel, x, panels, first_row, rows, tile);
      for (int r = 0; r < rows; ++r) {
        elementwise_->scale_row(w.weighted_sums.data() + n, x.quant(first_row + r), cols, tile + r * cols);
      }
      return;
    case WeightFormat::kGroups:
      MultiplyGroups(x, panels, first_row, rows, tile);
      for (int r = 0; r < rows; ++r) {
        elementwise_->scale_row(kNoSums, x.quant(first_row + r), cols, tile + r * cols);
      }
      return;
  }
}

// oneDNN takes its share of the rows, our own kernel the rest.
template <typename A, typename W, typename Y>
void Linear::Multiply(const PanelProduct<A, W, Y>& product, const ArrangedRows& input, const Panels& panels,
                      int64_t first_row, int rows, Y* y) const {
  const PackedWeight& weight = weights_[panels.part];
  const auto panel_at = [&](int i) { return reinterpret_cast<const W*>(weight.panel(panels.first + i)); };
  if (panels.count > 1) {
    const W* several[kPanelsByTurns];
    for (int i = 0; i < panels.count; ++i) several[i] = panel_at(i);
    return product.multiply_row(input.at(first_row), {several, static_cast<size_t>(panels.count)}, weight.k, y);
  }
  const OnednnPanels* onednn = onednn_[panels.part];
  const int share = onednn != nullptr ? onednn->Share(rows) : 0;
  if (share > 0) onednn->Run(input.at(first_row), share, weight.panel(panels.first), y);
  if (share < rows) {
    product.multiply(input.at(first_row + share), rows - share, panel_at(0), weight.k, y + share * kPanelCols,
                     kPanelCols);
  }
}

void Linear::MultiplyGroups(const ArrangedRows& input, const Panels& panels, int64_t first_row, int rows,
                            float* y) const {
  const PackedWeight& weight = weights_[panels.part];
  const uint8_t* row = input.at(first_row);
  if (panels.count > 1) {
    const uint8_t* several[kPanelsByTurns];
    for (int i = 0; i < panels.count; ++i) several[i] = weight.panel(panels.first + i);
    return groups_->multiply_row(weight.form.groups, row, {several, static_cast<size_t>(panels.count)}, weight.k, y);
  }
  groups_->multiply(weight.form.groups, row, rows, weight.panel(panels.first), weight.k, y, kPanelCols);
}

}  // namespace puna::engine
