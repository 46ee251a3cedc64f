// Products with panels of every GroupForm: the reference against a float64 sum over what the panel holds, and every instruction
// set against the reference, to the bit and for every number of rows.

#include "engine/kernels/group_gemm.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "engine/base/float16.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

constexpr int kMaxRows = 14;

std::vector<GroupForm> AllForms() {
  std::vector<GroupForm> forms;
  for (const Code code : {Code::kInt4, Code::kInt5, Code::kInt6, Code::kInt8, Code::kIq4, Code::kNf4, Code::kE4M3}) {
    for (const int group : {16, 32, 64, 128}) {
      for (const Scale scale : {Scale::kHalf, Scale::kFloat, Scale::kTwoLevel}) {
        for (const Base base : {Base::kOffset, Base::kMinimum, Base::kZero}) {
          const GroupForm form{code, group, scale, base};
          if (IsValid(form)) forms.push_back(form);
        }
      }
    }
  }
  return forms;
}

struct Case {
  int64_t k;
  std::vector<int8_t> codes;  // [kMaxRows, k]
  std::vector<uint8_t> panel;
};

void FillScales(const GroupForm& form, std::mt19937& rng, uint8_t* at, int64_t bytes) {
  std::uniform_real_distribution<float> scale(-0.02f, 0.02f);  // files have negative ones too
  for (int64_t i = 0; i < bytes; i += form.scale == Scale::kFloat ? 4 : 2) {
    const float value = scale(rng);
    const uint16_t half = FloatToHalf(value);
    if (form.scale == Scale::kFloat) {
      std::memcpy(at + i, &value, 4);
    } else {
      std::memcpy(at + i, &half, 2);
    }
  }
}

// e4m3 has two codes that are no numbers; no panel holds them.
void WithoutNan(uint8_t* codes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) codes[i] = (codes[i] & 0x7f) == 0x7f ? codes[i] ^ 1 : codes[i];
}

// Random bytes, which are codes, small scales and zero points of every kind; the first row and the first output are extreme.
Case Make(const GroupForm& form, int64_t k) {
  std::mt19937 rng(static_cast<unsigned>(k));
  const UnitParts parts = PartsOf(form);
  Case c{k, std::vector<int8_t>(kMaxRows * k), std::vector<uint8_t>(k / UnitColumns(form) * parts.bytes)};
  for (int8_t& x : c.codes) x = static_cast<int8_t>(static_cast<int>(rng() % 255) - 127);
  std::fill(c.codes.begin(), c.codes.begin() + k, int8_t{-127});
  for (uint8_t& byte : c.panel) byte = static_cast<uint8_t>(rng());
  for (int64_t unit = 0; unit < k / UnitColumns(form); ++unit) {
    uint8_t* at = c.panel.data() + unit * parts.bytes;
    if (form.scale == Scale::kTwoLevel) FillScales(form, rng, at, parts.cells);
    for (int64_t cell = 0; cell < UnitColumns(form) / CellColumns(form); ++cell) {
      uint8_t* in_cell = at + parts.cells + cell * parts.cell;
      for (int64_t i = 0; i < parts.scales; i += 256) std::memset(in_cell + i, 0xff, 4);
      if (form.code == Code::kE4M3) WithoutNan(in_cell, parts.scales);
      if (form.scale == Scale::kTwoLevel) continue;
      FillScales(form, rng, in_cell + parts.scales, parts.minimums - parts.scales);
      if (form.base == Base::kMinimum) FillScales(form, rng, in_cell + parts.minimums, parts.cell - parts.minimums);
    }
  }
  return c;
}

std::vector<float> Product(Isa isa, const GroupForm& form, const Case& c, int rows) {
  std::vector<float> y(static_cast<size_t>(rows) * kPanelCols, NAN);
  const GroupProduct& product = GetGroupProduct(isa);
  const int64_t row_bytes = product.row_bytes(c.k);
  std::vector<uint8_t> arranged(static_cast<size_t>(rows * row_bytes));
  for (int r = 0; r < rows; r += product.tile_rows) {
    product.arrange(c.codes.data() + r * c.k, std::min(product.tile_rows, rows - r), c.k,
                    arranged.data() + r * row_bytes);
  }
  product.multiply(form, arranged.data(), rows, c.panel.data(), c.k, y.data(), kPanelCols);
  return y;
}

// The first row with two panels by turns, where the set does that.
void CheckRow(Isa isa, const GroupForm& form, const Case& c) {
  const GroupProduct& product = GetGroupProduct(isa);
  if (product.multiply_row == nullptr) return;
  Case other = c;
  for (size_t i = 0; i < other.panel.size(); i += 3) other.panel[i] ^= 0x11u;  // codes and scales of a kind
  std::vector<uint8_t> row(static_cast<size_t>(product.row_bytes(c.k)));
  product.arrange(c.codes.data(), 1, c.k, row.data());
  std::vector<float> y(2 * kPanelCols, NAN), want = Product(isa, form, c, 1);
  const std::vector<float> second = Product(isa, form, other, 1);
  REQUIRE(want != second);
  want.insert(want.end(), second.begin(), second.end());
  const uint8_t* const panels[] = {c.panel.data(), other.panel.data()};
  product.multiply_row(form, row.data(), {panels, 2}, c.k, y.data());
  REQUIRE(std::memcmp(y.data(), want.data(), y.size() * sizeof(float)) == 0);
}

TEST_CASE("the reference is the product with what the panel holds") {
  for (const GroupForm& form : AllForms()) {
    CAPTURE(Name(form));
    const Case c = Make(form, 512);
    const std::vector<float> y = Product(Isa::kScalar, form, c, 3);
    std::vector<float> weights(c.k);
    for (int n = 0; n < kPanelCols; ++n) {
      ReadGroupColumn(form, c.panel.data(), n, c.k, weights.data());
      for (int r = 0; r < 3; ++r) {
        double sum = 0, size = 0;
        for (int64_t i = 0; i < c.k; ++i) {
          sum += static_cast<double>(c.codes[r * c.k + i]) * weights[i];
          size += std::abs(c.codes[r * c.k + i] * weights[i]);
        }
        // A minimum and a product may be large and cancel: the bound is on the parts, 255 codes of 128.
        REQUIRE(std::abs(sum - y[r * kPanelCols + n]) <= 3e-6 * size + 0.02);
      }
    }
  }
}

TEST_CASE("every instruction set gives the reference's bits, for every number of rows") {
  for (const GroupForm& form : AllForms()) {
    CAPTURE(Name(form));
    const int64_t unit = UnitColumns(form);
    for (const int64_t k : {unit, 5 * unit, 1152 / unit * unit}) {
      const Case c = Make(form, k);
      const std::vector<float> want = Product(Isa::kScalar, form, c, kMaxRows);
      for (const Isa isa : AvailableIsas()) {
        CAPTURE(Name(isa));
        for (int rows = 1; rows <= kMaxRows; ++rows) {
          const std::vector<float> got = Product(isa, form, c, rows);
          REQUIRE(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)) == 0);
        }
        CheckRow(isa, form, c);
      }
    }
  }
}

}  // namespace
}  // namespace puna::engine
