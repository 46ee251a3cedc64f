// The plain reference of products with a GroupForm's panels, and what a panel holds.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/float16.h"
#include "engine/base/float8.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"

namespace puna::engine {
namespace {

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

// One unit of a panel, element by element.
class Unit {
 public:
  Unit(const GroupForm& form, const uint8_t* bytes) : form_(form), parts_(PartsOf(form)), bytes_(bytes) {}

  // The integer that multiplies the scale: the code, less its offset where the form has one.
  int Value(int column, int n) const {
    const int code = RawCode(column, n);
    if (form_.code == Code::kIq4) return kIq4Table[code];
    return form_.base == Base::kOffset ? code - CodeOffset(form_.code) : code;
  }

  // As Value, of codes that stand for floats.
  float FloatValue(int column, int n) const {
    const int code = RawCode(column, n);
    return form_.code == Code::kNf4 ? kNf4Table[code] : Float8Value(static_cast<uint8_t>(code));
  }

  float ScaleOf(int group, int n) const { return Level(0, parts_.scales, group, n); }

  float MinimumOf(int group, int n) const {
    if (form_.base == Base::kZero) return -(ScaleOf(group, n) * static_cast<float>(ZeroOf(group, n)));
    return Level(kUnitMinimums, parts_.minimums, group, n);
  }

  float Weight(int column, int n) const {
    const int group = column / form_.group;
    if (IsFloat(form_.code)) return ScaleOf(group, n) * FloatValue(column, n);
    const int value = Value(column, n) - (form_.base == Base::kZero ? ZeroOf(group, n) : 0);
    const float scaled = ScaleOf(group, n) * static_cast<float>(value);
    return form_.base == Base::kMinimum ? scaled + MinimumOf(group, n) : scaled;
  }

 private:
  const uint8_t* Cell(int column) const { return bytes_ + parts_.cells + column / CellColumns(form_) * parts_.cell; }

  // Index of a group's value for output n in its cell.
  int64_t InCell(int group, int n) const {
    return group * form_.group % CellColumns(form_) / form_.group * kPanelCols + n;
  }

  int ZeroOf(int group, int n) const { return Cell(group * form_.group)[parts_.minimums + InCell(group, n)]; }

  int RawCode(int column, int n) const {
    const uint8_t* block = Cell(column) + column % CellColumns(form_) / 32 * parts_.block;
    const int k = column % 32;
    if (CodeBits(form_.code) == 8) return block[(k / 4 * kPanelCols + n) * 4 + k % 4];
    const uint8_t byte = block[(k % 16 / 4 * kPanelCols + n) * 4 + k % 4];
    int code = k < 16 ? byte & 15 : byte >> 4;
    const uint8_t* plane = block + 1024 + n * 4 + k % 4;
    if (form_.code == Code::kInt5) code |= (*plane >> k / 4 & 1) << 4;
    if (form_.code == Code::kInt6) code |= (plane[k / 16 * 4 * kPanelCols] >> 2 * (k % 16 / 4) & 3) << 4;
    return code;
  }

  // A scale or minimum: `upper` in the unit (two levels), `lower` in the cell.
  float Level(int64_t upper, int64_t lower, int group, int n) const {
    const uint8_t* cell = Cell(group * form_.group);
    const int64_t index = InCell(group, n);
    switch (form_.scale) {
      case Scale::kHalf:
        return HalfAt(cell + lower + 2 * index);
      case Scale::kFloat: {
        float value;
        std::memcpy(&value, cell + lower + 4 * index, 4);
        return value;
      }
      case Scale::kTwoLevel:
        return HalfAt(bytes_ + upper + 2 * n) * static_cast<float>(static_cast<int8_t>(cell[lower + index]));
    }
    return 0;
  }

  static float HalfAt(const uint8_t* p) {
    uint16_t half;
    std::memcpy(&half, p, 2);
    return HalfToFloat(half);
  }

  const GroupForm& form_;
  const UnitParts parts_;
  const uint8_t* bytes_;
};

// One output of a unit, taken apart for all rows.
struct UnitColumn {
  int values[256];
  float floats[256];  // instead, of codes that stand for floats
  float scales[16];
  float minimums[16];  // not with kOffset

  UnitColumn(const GroupForm& form, const uint8_t* bytes, int n) {
    const Unit unit(form, bytes);
    for (int i = 0; i < UnitColumns(form); ++i) {
      if (IsFloat(form.code)) {
        floats[i] = unit.FloatValue(i, n);
      } else {
        values[i] = unit.Value(i, n);
      }
    }
    for (int g = 0; g < UnitColumns(form) / form.group; ++g) {
      scales[g] = unit.ScaleOf(g, n);
      minimums[g] = form.base == Base::kOffset ? 0 : unit.MinimumOf(g, n);
    }
  }
};

float AddFloatUnit(const GroupForm& form, const UnitColumn& column, const int8_t* x, float y) {
  float sum = 0;
  for (int i = 0; i < form.group; ++i) sum = std::fma(column.floats[i], static_cast<float>(x[i]), sum);
  return std::fma(sum, column.scales[0], y);
}

// One row, one output, one unit more.
float AddUnit(const GroupForm& form, const UnitColumn& column, const int8_t* x, float y) {
  if (IsFloat(form.code)) return AddFloatUnit(form, column, x, y);
  for (int g = 0; g < UnitColumns(form) / form.group; ++g) {
    int32_t dot = 0, sum = 0;
    for (int i = g * form.group; i < (g + 1) * form.group; ++i) {
      dot += column.values[i] * x[i];
      sum += x[i];
    }
    y = std::fma(static_cast<float>(dot), column.scales[g], y);
    if (form.base != Base::kOffset) y = std::fma(static_cast<float>(sum), column.minimums[g], y);
  }
  return y;
}

void Panel(const GroupForm& form, const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y, int64_t ldy) {
  const GroupInput x = SummedRows(rows, m, k);
  const int columns = UnitColumns(form);
  const int64_t bytes = PartsOf(form).bytes;
  for (int r = 0; r < m; ++r) std::fill_n(y + r * ldy, kPanelCols, 0.0f);
  for (int64_t i = 0; i < k; i += columns, panel += bytes) {
    for (int n = 0; n < kPanelCols; ++n) {
      const UnitColumn column(form, panel, n);
      for (int r = 0; r < m; ++r) y[r * ldy + n] = AddUnit(form, column, x.codes + r * x.stride + i, y[r * ldy + n]);
    }
  }
}

}  // namespace

const GroupProduct& ScalarGroupProduct() {
  static constexpr GroupProduct kProduct = {1, SummedRowBytes, SummedRow, Panel};
  return kProduct;
}

void ReadGroupColumn(const GroupForm& form, const uint8_t* panel, int column, int64_t k, float* out) {
  const int columns = UnitColumns(form);
  const int64_t bytes = PartsOf(form).bytes;
  for (int64_t i = 0; i < k; i += columns) {
    const Unit unit(form, panel + i / columns * bytes);
    for (int at = 0; at < columns && i + at < k; ++at) out[i + at] = unit.Weight(at, column);
  }
}

}  // namespace puna::engine
