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

Linear::Linear(PackedWeight weight, Isa isa)
    : weight_(std::move(weight)),
      gemm_(&GetGemmKernels(isa)),
      onednn_(OnednnPanels::For(weight_.format, weight_.k, isa)),
      elementwise_(&GetElementwiseKernels(isa)) {}

void Linear::Forward(const LinearInput& input, const LinearOutput& output, ThreadTeam& team) const {
  PUNA_CHECK(input.format() == weight_.format && input.stride() == weight_.k)
      << Name(input.format()) << ' ' << input.stride() << " for " << Name(weight_.format) << ' ' << weight_.k;
  const int64_t run = PanelsOfTask(weight_.panels, input.rows(), team.size());
  team.ForEach((weight_.panels + run - 1) / run, [&](int64_t task, int) {
    const int64_t end = std::min(weight_.panels, (task + 1) * run);
    for (int64_t panel = task * run; panel < end; ++panel) ForwardPanel(input, output, panel);
  });
}

void Linear::ForwardPanel(const LinearInput& input, const LinearOutput& output, int64_t panel) const {
  alignas(64) float tile[kRowBlock * kPanelCols];
  const bool silu = output.kind == LinearOutput::Kind::kSiluMul;
  const int64_t first_col = panel * (silu ? kHalfPanel : kPanelCols);
  const int64_t cols = std::min<int64_t>(output.y.cols - first_col, silu ? kHalfPanel : kPanelCols);
  for (int64_t row = 0; row < input.rows(); row += kRowBlock) {
    const int rows = static_cast<int>(std::min<int64_t>(kRowBlock, input.rows() - row));
    PanelRows(input, panel, row, rows, tile);
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

void Linear::PanelRows(const LinearInput& input, int64_t panel, int64_t first_row, int rows, float* tile) const {
  const int64_t n = panel * kPanelCols;
  switch (weight_.format) {
    case WeightFormat::kBf16:
      return Multiply(gemm_->bf16_panel, input, panel, first_row, rows, tile);
    case WeightFormat::kW8A8: {
      alignas(64) int32_t sums[kRowBlock * kPanelCols];
      Multiply(gemm_->int8_panel, input, panel, first_row, rows, sums);
      for (int r = 0; r < rows; ++r) {
        elementwise_->dequantize(sums + r * kPanelCols, weight_.sums.data() + n, weight_.scales.data() + n,
                                 input.quant(first_row + r), kPanelCols, tile + r * kPanelCols);
      }
      return;
    }
    case WeightFormat::kW4A8:
      Multiply(gemm_->int4_panel, input, panel, first_row, rows, tile);
      for (int r = 0; r < rows; ++r) {
        elementwise_->scale_row(weight_.weighted_sums.data() + n, input.quant(first_row + r), kPanelCols,
                                tile + r * kPanelCols);
      }
      return;
  }
}

// oneDNN takes its share of the rows, our own kernel the rest.
template <typename A, typename W, typename Y>
void Linear::Multiply(const PanelProduct<A, W, Y>& product, const LinearInput& input, int64_t panel, int64_t first_row,
                      int rows, Y* y) const {
  const uint8_t* w = weight_.panel(panel);
  const int share = onednn_ != nullptr ? onednn_->Share(rows) : 0;
  if (share > 0) onednn_->Run(input.arranged(first_row), share, w, y);
  if (share < rows) {
    product.multiply(input.arranged(first_row + share), rows - share, reinterpret_cast<const W*>(w), weight_.k,
                     y + share * kPanelCols, kPanelCols);
  }
}

}  // namespace puna::engine
