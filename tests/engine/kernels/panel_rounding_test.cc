// Rounding into panels on every instruction set, against round_weights.h row by row.

#include "engine/kernels/panel_rounding.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "engine/base/float16.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/round_weights.h"

namespace puna::engine {
namespace {

constexpr int kRows = kRoundedRows;

// Rows of every size, also those whose scales are subnormal in float16, or none at all, and of few distinct values, which
// fall between two codes.
std::vector<float> Weights(int64_t stride) {
  std::mt19937 rng(3);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(kRows * stride));
  for (int r = 0; r < kRows; ++r) {
    for (int64_t i = 0; i < stride; ++i) {
      const float size = std::exp2(static_cast<float>(static_cast<int>(rng() % 5) - 2) - (r < 8 ? 5.0f : 0.0f));
      const float value = r % 4 == 3 ? static_cast<float>(static_cast<int>(rng() % 17) - 8) / 2 : normal(rng);
      x[static_cast<size_t>(r * stride + i)] = value * size;
    }
  }
  for (int64_t i = 0; i < 32; ++i) {
    x[static_cast<size_t>(i)] = 0;
    x[static_cast<size_t>(1 * stride + i)] *= 1e-4f;
    x[static_cast<size_t>(2 * stride + i)] *= 1e-6f;
    x[static_cast<size_t>(3 * stride + i)] *= 1e-9f;
    x[static_cast<size_t>(4 * stride + i)] *= 1e7f;
    x[static_cast<size_t>(5 * stride + i)] = i == 7 ? -0.5f : 0;
  }
  return x;
}

TEST_CASE("groups of sixteen rows are rounded to RoundToInt4's codes and scales") {
  constexpr int64_t k = 160, stride = 164;
  constexpr int n = 32;
  const std::vector<float> x = Weights(stride);
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(std::string(Name(isa)));
    std::vector<uint8_t> panel(k / kInt4Group * kInt4GroupBytes, 0xee), want = panel;
    std::vector<float> sums(kRows), want_sums(kRows);
    GetPanelRounding(isa).int4_rows(x.data(), stride, k, n, panel.data(), sums.data());
    for (int r = 0; r < kRows; ++r) {
      for (int64_t g = 0; g < k / kInt4Group; ++g) {
        int8_t codes[kInt4Group];
        const float scale = RoundToInt4(x.data() + r * stride + g * kInt4Group, codes);
        uint8_t* group = want.data() + g * kInt4GroupBytes;
        const uint16_t half = FloatToHalf(scale);
        std::memcpy(group + kInt4ScalesAt + 2 * (n + r), &half, 2);
        int sum = 0;
        for (int i = 0; i < kInt4Group; ++i) sum += codes[i];
        for (int i = 0; i < 16; ++i) {
          group[(i / 4 * kPanelCols + n + r) * 4 + i % 4] =
              static_cast<uint8_t>((codes[i] + 8) | (codes[i + 16] + 8) << 4);
        }
        want_sums[static_cast<size_t>(r)] += scale * static_cast<float>(sum);
      }
    }
    CHECK(panel == want);
    CHECK(std::memcmp(sums.data(), want_sums.data(), sizeof(float) * kRows) == 0);
  }
}

TEST_CASE("rows are rounded to RoundToInt8's codes and scale, whatever their length") {
  const std::vector<float> x = Weights(164);
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(std::string(Name(isa)));
    for (const int64_t n : {1, 15, 16, 31, 64, 160}) {
      for (int r = 0; r < kRows; ++r) {
        std::vector<int8_t> codes(164, 99), want = codes;
        const float scale = GetPanelRounding(isa).int8_row(x.data() + r * 164, n, codes.data());
        CHECK(scale == RoundToInt8(x.data() + r * 164, n, want.data()));
        CHECK(codes == want);
      }
    }
  }
}

TEST_CASE("words of rows stand beside each other in a panel") {
  constexpr int64_t stride = 52;
  for (const Isa isa : AvailableIsas()) {
    for (const int64_t words : {1, 4, 13}) {
      std::vector<uint32_t> rows(kRows * stride / 4), panel(static_cast<size_t>(words) * kPanelCols);
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint32_t>(i * 2654435761u);
      GetPanelRounding(isa).words(reinterpret_cast<const uint8_t*>(rows.data()), stride, words, 16,
                                  reinterpret_cast<uint8_t*>(panel.data()));
      for (int64_t w = 0; w < words; ++w) {
        for (int n = 0; n < kPanelCols; ++n) {
          const bool inside = n >= 16 && n < 32;
          CHECK(panel[static_cast<size_t>(w * kPanelCols + n)] ==
                (inside ? rows[static_cast<size_t>((n - 16) * stride / 4 + w)] : 0u));
        }
      }
    }
  }
}

}  // namespace
}  // namespace puna::engine
