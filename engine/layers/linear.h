// Linear: y = x * W^T over packed weights, on all threads, for any number of rows. Several matrices that share their input are
// one Linear; they are one packed weight where they have the same form, and else stand beside each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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
    kSiluMul,  // gate and up: y [rows, outputs / 2] = silu(gate) * up. One weight: interleaved, 32 and 32 in each panel
  };
  Kind kind = Kind::kStore;
  MatView<float> y;
};

class Linear {
 public:
  Linear() = default;
  Linear(PackedWeight weight, Isa isa);
  // The outputs one after the other; for kSiluMul gate and up, of the same shape.
  Linear(std::vector<PackedWeight> weights, Isa isa);

  // The rows of `input` (set in all of formats()). Each row's result is independent of the others and of the number of
  // threads: a task is some panels, and a panel's sums run in one fixed order.
  void Forward(const LinearInput& input, const LinearOutput& output, ThreadTeam& team) const;

  const std::vector<PackedWeight>& weights() const { return weights_; }
  FormatSet formats() const;
  // The orders of columns that the weights in kGroups want, each once: what Set is to be given.
  const ColumnOrders& orders() const { return orders_; }
  size_t bytes() const;
  int64_t inputs() const { return weights_.front().inputs; }
  int64_t outputs() const;
  bool uses_onednn() const;  // for many rows

 private:
  // Some panels of one weight: one, or with one row a few that are read by turns.
  struct Panels {
    size_t part = 0;  // of weights_
    int64_t first = 0;
    int count = 1;

    int64_t cols() const { return int64_t{count} * kPanelCols; }
  };
  bool ByTurns(size_t part) const;
  int64_t ForwardPanels(const LinearInput& input, const LinearOutput& output, int64_t panel, int64_t end) const;
  int64_t GateUpPanels(const LinearInput& input, MatView<float> y, int64_t panel, int64_t end) const;
  void Finish(const float* result, const Panels& panels, const LinearOutput& output, int64_t first_output,
              int64_t row) const;
  void PanelRows(const LinearInput& input, const Panels& panels, int64_t first_row, int rows, float* tile) const;
  template <typename A, typename W, typename Y>
  void Multiply(const PanelProduct<A, W, Y>& product, const ArrangedRows& input, const Panels& panels,
                int64_t first_row, int rows, Y* y) const;
  void MultiplyGroups(const ArrangedRows& input, const Panels& panels, int64_t first_row, int rows, float* y) const;

  std::vector<PackedWeight> weights_;
  ColumnOrders orders_;                      // each different one of kGroups
  std::vector<size_t> order_of_;             // of each weight, its place there
  std::vector<const OnednnPanels*> onednn_;  // of each weight, for many rows; null: our own kernels take all
  const GemmKernels* gemm_ = nullptr;
  const GroupProduct* groups_ = nullptr;
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
