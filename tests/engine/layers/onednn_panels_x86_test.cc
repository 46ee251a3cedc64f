// oneDNN's micro-kernel serves what it promises and no more, and gives the bits of our own kernels.

#include "engine/layers/onednn_panels.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

TEST_CASE("formats and instruction sets that oneDNN does not serve stay with our own kernels") {
  CHECK(OnednnPanels::For(WeightFormat::kW4A8, 3072, DetectIsa()) == nullptr);
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx2Vnni}) {
    CHECK(OnednnPanels::For(WeightFormat::kBf16, 3072, isa) == nullptr);
    CHECK(OnednnPanels::For(WeightFormat::kW8A8, 3072, isa) == nullptr);
  }
}

TEST_CASE("rows are shared out in whole blocks, whatever was measured") {
  for (const int64_t k : {256, 3072}) {
    const OnednnPanels* panels = OnednnPanels::For(WeightFormat::kW8A8, k, DetectIsa());
    CHECK(panels == OnednnPanels::For(WeightFormat::kW8A8, k, DetectIsa()));  // made once
    if (panels == nullptr) continue;                                          // our own kernel is as fast
    CHECK(panels->Share(1) == 0);
    CHECK(panels->Share(31) == 0);
    for (const int rows : {32, 33, 95, 96, 200}) {
      CHECK(panels->Share(rows) <= rows);
      CHECK(panels->Share(rows) % OnednnPanels::kSmallRows == 0);
    }
    CHECK(panels->Share(96) == 96);
  }
}

TEST_CASE("int8 sums are exact") {
  if (DetectIsa() < Isa::kAvx512) {
    MESSAGE("skipped: this processor has no AVX-512 with VNNI");
    return;
  }
  for (const int64_t k : {64, 256, 3072, 8192}) {
    CAPTURE(k);
    const std::unique_ptr<OnednnPanels> panels = OnednnPanels::Make(WeightFormat::kW8A8, k, DetectIsa());
    REQUIRE(panels != nullptr);
    constexpr int kRows = 192;
    std::mt19937 rng(9);
    AlignedBuffer<uint8_t> a(kRows * k), panel(k * kPanelCols);
    for (size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<uint8_t>(rng());
    for (size_t i = 0; i < panel.size(); ++i) panel.data()[i] = static_cast<uint8_t>(rng());
    std::fill_n(a.data(), k, uint8_t{255});  // the extreme row
    std::vector<int32_t> got(kRows * kPanelCols), want(kRows * kPanelCols);
    panels->Run(a.data(), kRows, panel.data(), got.data());
    GetGemmKernels(Isa::kScalar)
        .int8_panel.multiply(a.data(), kRows, reinterpret_cast<const int8_t*>(panel.data()), k, want.data(),
                             kPanelCols);
    CHECK(got == want);
  }
}

}  // namespace
}  // namespace puna::engine
