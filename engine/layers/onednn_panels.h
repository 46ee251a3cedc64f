// OnednnPanels: products with one packed panel, computed by oneDNN's brgemm micro-kernel (Georganas et al., "Harnessing Deep
// Learning via a Single Building Block", 2019; oneDNN 3.7, dnnl::ukernel), which reads the panels of engine/kernels/gemm.h as
// they are. It brings the matrix units of x86-64 that we have no kernels for (AMX), and must not change a bit: a form whose
// sums differ from our own kernel's in the trial at the start is not used, so a row's result still does not depend on the rows
// beside it.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/cpu_features.h"
#include "engine/kernels/gemm.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

class OnednnPanels {
 public:
  static constexpr int kSmallRows = 32;
  static constexpr int kLargeRows = 96;

  // For panels of `k` (padded) rows of this format, made and measured once for each (format, k). Null where our own kernels serve
  // all rows: what Make does not make, and what is no faster here.
  static const OnednnPanels* For(WeightFormat format, int64_t k, Isa isa);

  // Null: W4A8, which oneDNN does not have at a usable speed; instruction sets below AVX-512 with VNNI (int8) or BF16; another
  // order of sums.
  static std::unique_ptr<OnednnPanels> Make(WeightFormat format, int64_t k, Isa isa);

  ~OnednnPanels();

  // How many of `rows` rows, from the first, Run shall take: 0 or a multiple of the least number that is worth it.
  int Share(int rows) const { return least_rows_ > 0 ? rows / least_rows_ * least_rows_ : 0; }

  // y [rows, 64], float32 or (W8A8) int32, = a [rows, k] * panel; rows a multiple of kSmallRows, read as they are, k elements
  // apart.
  void Run(const void* a, int rows, const void* panel, void* y) const;

 private:
  struct Kernel;
  struct Trial;

  OnednnPanels(WeightFormat format, int64_t k);
  Trial Try(Isa isa) const;
  template <typename A, typename W, typename Y>
  Trial TryAgainst(const PanelProduct<A, W, Y>& product, const auto& draw) const;

  WeightFormat format_;
  int64_t k_;
  int least_rows_ = 0;  // 0: it never is
  std::unique_ptr<Kernel> small_, large_;
};

}  // namespace puna::engine
