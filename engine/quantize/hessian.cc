#include "engine/quantize/hessian.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/base/bf16.h"
#include "engine/base/check.h"
#include "engine/kernels/gemm.h"
#include "engine/quantize/matrix_kernels.h"

namespace puna::engine {
namespace {

constexpr int64_t kMaxTokens = 2048;  // that are summed in one go

}  // namespace

Hessian::Hessian(int64_t n, Isa isa) : n_(n), isa_(isa), values_(static_cast<size_t>(n * n)) {}

void Hessian::Add(MatView<const float> x, ThreadTeam& team) {
  PUNA_CHECK(x.cols == n_) << x.cols;
  for (int64_t first = 0; first < x.rows; first += kMaxTokens) {
    const int64_t tokens = std::min(kMaxTokens, x.rows - first);
    const int64_t k = (tokens + 31) / 32 * 32;  // zeros behind the last token
    const int64_t panels = (n_ + kPanelCols - 1) / kPanelCols;
    AlignedBuffer<bf16> transposed(static_cast<size_t>(panels * kPanelCols * k));
    AlignedBuffer<bf16> packed(static_cast<size_t>(panels * kPanelCols * k));
    team.ForEach(panels, [&](int64_t p, int) {
      for (int64_t t = 0; t < tokens; ++t) {
        const float* row = x.row(first + t);
        for (int64_t i = p * kPanelCols; i < std::min(n_, (p + 1) * kPanelCols); ++i) {
          const bf16 value = ToBf16(row[i]);
          transposed[static_cast<size_t>(i * k + t)] = value;
          packed[static_cast<size_t>(p * kPanelCols * k + (t / 2 * kPanelCols + i % kPanelCols) * 2 + t % 2)] = value;
        }
      }
    });
    const auto& product = GetGemmKernels(isa_).bf16_panel;
    team.ForEach(panels, [&](int64_t p, int) {
      constexpr int kRows = 32;
      alignas(64) float tile[kRows * kPanelCols];
      const int64_t cols = std::min<int64_t>(kPanelCols, n_ - p * kPanelCols);
      for (int64_t r = p * kPanelCols; r < n_; r += kRows) {
        const int rows = static_cast<int>(std::min<int64_t>(kRows, n_ - r));
        product.multiply(Arranged(product, transposed.data() + r * k, rows, k).data(), rows,
                         packed.data() + p * kPanelCols * k, k, tile, kPanelCols);
        for (int i = 0; i < rows; ++i) {
          const int64_t lower = std::min(cols, r + i + 1 - p * kPanelCols);
          for (int64_t c = 0; c < lower; ++c) row(r + i)[p * kPanelCols + c] += tile[i * kPanelCols + c];
        }
      }
    });
  }
  tokens_ += x.rows;
}

// d H d^T = 2 d L d^T less the diagonal's part, L the lower half with the diagonal.
double OutputError(const Hessian& h, MatView<const float> d, Isa isa, ThreadTeam& team) {
  constexpr int64_t kRows = 64;
  constexpr int64_t kStrip = 256;
  const int64_t n = h.size();
  const SubtractProductFn subtract = GetSubtractProduct(isa);
  std::vector<double> errors(static_cast<size_t>((d.rows + kRows - 1) / kRows));
  team.ForEach(static_cast<int64_t>(errors.size()), [&](int64_t task, int) {
    const MatView<const float> x = d.Rows(task * kRows, std::min(kRows, d.rows - task * kRows));
    std::vector<float> product(static_cast<size_t>(kRows * kStrip));
    double sum = 0;
    for (int64_t first = 0; first < n; first += kStrip) {
      const int64_t cols = std::min(kStrip, n - first);
      std::fill(product.begin(), product.end(), 0.0f);
      subtract(x.data + first, x.stride, h.row(first) + first, n, product.data(), kStrip, x.rows, cols, n - first);
      for (int64_t r = 0; r < x.rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const double value = x.row(r)[first + c];
          const double diagonal = h.row(first + c)[first + c];
          sum -= value * (2 * double{product[static_cast<size_t>(r * kStrip + c)]} + value * diagonal);
        }
      }
    }
    errors[static_cast<size_t>(task)] = sum;
  });
  double total = 0;
  for (const double error : errors) total += error;
  return std::max(0.0, total);
}

}  // namespace puna::engine
