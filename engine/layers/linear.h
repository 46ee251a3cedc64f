// Linear: y = x * W^T over one packed weight, on all threads, for any number of rows.
#pragma once

#include <cstdint>

#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"
#include "engine/base/views.h"
#include "engine/layers/linear_input.h"
#include "engine/layers/onednn_panels.h"
#include "engine/layers/packed_weight.h"

namespace puna::engine {

// What becomes of the product.
struct LinearOutput {
  enum class Kind {
    kStore,    // y = product
    kAdd,      // y += product (the residual stream)
    kSiluMul,  // weights interleaved as gate and up, 32 and 32 in each panel: y [rows, outputs / 2] = silu(gate) * up
  };
  Kind kind = Kind::kStore;
  MatView<float> y;
};

class Linear {
 public:
  Linear() = default;
  Linear(PackedWeight weight, Isa isa);

  // The rows of `input` (made for this weight's format). Each row's result is independent of the others and of the
  // number of threads: a task is some panels, and a panel's sums run in one fixed order.
  void Forward(const LinearInput& input, const LinearOutput& output, ThreadTeam& team) const;

  const PackedWeight& weight() const { return weight_; }
  bool uses_onednn() const { return onednn_ != nullptr; }  // for many rows

 private:
  void ForwardPanel(const LinearInput& input, const LinearOutput& output, int64_t panel) const;
  void PanelRows(const LinearInput& input, int64_t panel, int64_t first_row, int rows, float* tile) const;
  template <typename A, typename W, typename Y>
  void Multiply(const PanelProduct<A, W, Y>& product, const LinearInput& input, int64_t panel, int64_t first_row,
                int rows, Y* y) const;

  PackedWeight weight_;
  const GemmKernels* gemm_ = nullptr;
  const OnednnPanels* onednn_ = nullptr;  // for many rows; null: gemm_ takes all
  const ElementwiseKernels* elementwise_ = nullptr;
};

// The order of columns that kSiluMul wants: packed column -> (is up, row); row >= intermediate_size: padding.
struct GateUpColumn {
  bool up = false;
  int64_t row = 0;
};
GateUpColumn GateUpOf(int64_t packed_column);
int64_t GateUpOutputs(int64_t intermediate_size);  // packed columns

}  // namespace puna::engine
