// Every instruction set's panel products against a plain sum, and row for row the same bits whatever the number of rows.

#include "engine/kernels/gemm.h"
#include "engine/base/float16.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <type_traits>
#include <vector>

namespace puna::engine {
namespace {

constexpr int kMaxRows = 23;

// y [m, 64] of the first m of rows [.., k].
template <typename A, typename W, typename Y>
std::vector<Y> Product(const PanelProduct<A, W, Y>& product, const std::vector<A>& rows, int m,
                       const std::vector<W>& panel, int64_t k) {
  std::vector<Y> y(m * kPanelCols);
  product.multiply(Arranged(product, rows.data(), m, k).data(), m, panel.data(), k, y.data(), kPanelCols);
  return y;
}

// The first row with two panels by turns and with one, where the set does that: the same bits as beside other rows.
template <typename A, typename W, typename Y>
void CheckRow(const PanelProduct<A, W, Y>& product, const std::vector<A>& rows, const std::vector<W>& panel,
              int64_t k) {
  if (product.multiply_row == nullptr) return;
  std::vector<W> other(panel.size());
  std::reverse_copy(panel.begin(), panel.end(), other.begin());
  if constexpr (sizeof(W) == 1 && sizeof(A) == 1 && std::is_same_v<Y, float>) {  // int4: scales stay where they are
    for (size_t i = 0; i < panel.size(); ++i) {
      other[i] = i % kInt4GroupBytes < kInt4ScalesAt ? static_cast<W>(~panel[i]) : panel[i];
    }
  }
  const std::vector<uint8_t> row = Arranged(product, rows.data(), 1, k);
  std::vector<Y> want(2 * kPanelCols), y(2 * kPanelCols);
  product.multiply(row.data(), 1, panel.data(), k, want.data(), kPanelCols);
  product.multiply(row.data(), 1, other.data(), k, want.data() + kPanelCols, kPanelCols);
  CHECK(std::memcmp(want.data(), want.data() + kPanelCols, kPanelCols * sizeof(Y)) != 0);
  const W* const panels[] = {panel.data(), other.data()};
  for (const size_t count : {size_t{1}, size_t{2}}) {
    product.multiply_row(row.data(), {panels, count}, k, y.data());
    CHECK(std::memcmp(y.data(), want.data(), count * kPanelCols * sizeof(Y)) == 0);
  }
}

// Whether both hold the same bits, as far as the shorter goes.
template <typename Y>
bool SameBits(const std::vector<Y>& a, const std::vector<Y>& b) {
  return std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()) * sizeof(Y)) == 0;
}

struct Bf16Case {
  int64_t k;
  std::vector<bf16> a, panel;
};

Bf16Case MakeBf16(int64_t k) {
  std::mt19937 rng(static_cast<unsigned>(k));
  std::normal_distribution<float> normal;
  Bf16Case c{k, std::vector<bf16>(kMaxRows * k), std::vector<bf16>(k * kPanelCols)};
  for (bf16& x : c.a) x = ToBf16(normal(rng));
  for (bf16& x : c.panel) x = ToBf16(normal(rng));
  return c;
}

TEST_CASE("bf16 panels agree with a float64 sum and do not depend on the number of rows") {
  for (const int64_t k : {32, 256, 3072}) {
    const Bf16Case c = MakeBf16(k);
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(Name(isa));
      CAPTURE(k);
      const auto& product = GetGemmKernels(isa).bf16_panel;
      const std::vector<float> all = Product(product, c.a, kMaxRows, c.panel, k);
      double worst = 0;
      for (int r = 0; r < kMaxRows; ++r) {
        for (int n = 0; n < kPanelCols; ++n) {
          double sum = 0;
          for (int64_t i = 0; i < k; ++i) {
            sum +=
                static_cast<double>(ToFloat(c.a[r * k + i])) * ToFloat(c.panel[(i / 2 * kPanelCols + n) * 2 + i % 2]);
          }
          worst = std::max(worst, std::abs(sum - all[r * kPanelCols + n]));
        }
      }
      CHECK(worst < 1e-5 * k);
      for (int m = 1; m <= kMaxRows; ++m) {
        CHECK(SameBits(Product(product, c.a, m, c.panel, k), all));
      }
      CheckRow(product, c.a, c.panel, k);
    }
  }
}

TEST_CASE("int8 panels are exact") {
  for (const int64_t k : {64, 256, 3072}) {
    std::mt19937 rng(7);
    std::vector<uint8_t> a(kMaxRows * k);
    std::vector<int8_t> panel(k * kPanelCols);
    for (uint8_t& x : a) x = static_cast<uint8_t>(rng());
    for (int8_t& x : panel) x = static_cast<int8_t>(rng());
    std::fill(a.begin(), a.begin() + k, uint8_t{255});  // the extreme row
    const std::vector<int32_t> want = Product(GetGemmKernels(Isa::kScalar).int8_panel, a, kMaxRows, panel, k);
    int32_t direct = 0;
    for (int64_t i = 0; i < k; ++i) direct += a[5 * k + i] * panel[(i / 4 * kPanelCols + 17) * 4 + i % 4];
    CHECK(want[5 * kPanelCols + 17] == direct);
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(Name(isa));
      for (int m = 1; m <= kMaxRows; ++m) {
        CHECK(SameBits(Product(GetGemmKernels(isa).int8_panel, a, m, panel, k), want));
      }
      CheckRow(GetGemmKernels(isa).int8_panel, a, panel, k);
    }
  }
}

struct Int4Case {
  int64_t k;
  std::vector<int8_t> a;
  std::vector<uint8_t> panel;
};

Int4Case MakeInt4(int64_t k) {
  std::mt19937 rng(11);
  Int4Case c{k, std::vector<int8_t>(kMaxRows * k), std::vector<uint8_t>(k / kInt4Group * kInt4GroupBytes)};
  for (int8_t& x : c.a) x = static_cast<int8_t>(rng());
  std::fill(c.a.begin(), c.a.begin() + k, int8_t{-128});  // the extreme row
  std::uniform_real_distribution<float> scale(0.001f, 0.02f);
  for (int64_t g = 0; g < k / kInt4Group; ++g) {
    uint8_t* group = c.panel.data() + g * kInt4GroupBytes;
    for (int i = 0; i < kInt4ScalesAt; ++i) group[i] = static_cast<uint8_t>(rng());
    for (int n = 0; n < kPanelCols; ++n) {
      const uint16_t half = FloatToHalf(scale(rng));
      std::memcpy(group + kInt4ScalesAt + 2 * n, &half, 2);
    }
  }
  return c;
}

TEST_CASE("int4 panels give the reference's bits on every instruction set, for every number of rows") {
  for (const int64_t k : {32, 320, 3072}) {
    const Int4Case c = MakeInt4(k);
    const std::vector<float> want = Product(GetGemmKernels(Isa::kScalar).int4_panel, c.a, kMaxRows, c.panel, k);
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(Name(isa));
      for (int m = 1; m <= kMaxRows; ++m) {
        CHECK(SameBits(Product(GetGemmKernels(isa).int4_panel, c.a, m, c.panel, k), want));
      }
      CheckRow(GetGemmKernels(isa).int4_panel, c.a, c.panel, k);
    }
  }
}

}  // namespace
}  // namespace puna::engine
