// OnednnPanels: products with one packed panel, computed by oneDNN's brgemm micro-kernel (Georganas et al., "Harnessing Deep
// Learning via a Single Building Block", 2019; oneDNN 3.7, dnnl::ukernel), which reads the panels of engine/kernels/gemm.h as
// they are. It brings the matrix units that we have no kernels for (AMX), and must not change a bit: a form whose sums differ
// from our own kernel's in the trial at the start is not used, so a row's result still does not depend on the rows beside it.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/cpu_features.h"
#include "engine/kernels/gemm.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

class OnednnPanels {
 public:
  // For panels of `k` (padded) rows of this format, made once for each (format, k). Null where our own kernels serve all rows:
  // W4A8, which oneDNN does not have at a usable speed; instruction sets below AVX-512 with VNNI (int8) or BF16; bf16 panels
  // too large for the second-level cache, which oneDNN takes slower; another order of sums.
  static const OnednnPanels* For(WeightFormat format, int64_t k, Isa isa);

  ~OnednnPanels();

  // How many of `rows` rows, from the first, Run would take: 0 or a multiple of 32.
  static int Share(int rows) { return rows / kSmallRows * kSmallRows; }

  // y [Share(rows), 64], float32 or (W8A8) int32, = a [Share(rows), k] * panel. Rows are read as they are,
  // k elements apart.
  void Run(const void* a, int rows, const void* panel, void* y) const;

 private:
  static constexpr int kSmallRows = 32;
  static constexpr int kLargeRows = 96;
  struct Kernel;

  OnednnPanels(WeightFormat format, int64_t k);
  bool AgreesWith(Isa isa) const;
  template <typename A, typename W, typename Y>
  bool Agrees(const PanelProduct<A, W, Y>& product, const auto& draw) const;

  WeightFormat format_;
  int64_t k_;
  std::unique_ptr<Kernel> small_, large_;
};

}  // namespace puna::engine
