#include "engine/layers/pack_groups.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/float16.h"
#include "engine/kernels/group_gemm.h"
#include "engine/kernels/words4.h"

namespace puna::engine {
namespace {

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

constexpr int64_t kUpperColumns = 256;  // that share the upper scale of two

// A panel's rows as the source gives them.
struct PanelRows {
  PanelRows(const GroupForm& kernel, int64_t cols, uint8_t pad)
      : codes(static_cast<size_t>(kPanelCols * cols), pad),
        scales(static_cast<size_t>(kPanelCols * (cols / ScaleColumns(kernel)))),
        minimums(kernel.base == Base::kMinimum ? scales.size() : 0),
        lower(kernel.scale == Scale::kTwoLevel ? static_cast<size_t>(kPanelCols * (cols / kernel.group)) : 0),
        lower_minimums(kernel.base == Base::kMinimum ? lower.size() : 0),
        zeros(kernel.base == Base::kZero ? scales.size() : 0) {}

  static int64_t ScaleColumns(const GroupForm& form) {
    return form.scale == Scale::kTwoLevel ? kUpperColumns : form.group;
  }

  std::vector<uint8_t> codes;  // [64, cols]
  std::vector<float> scales;   // [64, cols / ScaleColumns]
  std::vector<float> minimums;
  std::vector<int8_t> lower;  // [64, cols / group]
  std::vector<int8_t> lower_minimums;
  std::vector<uint8_t> zeros;
};

// Each of `count` rows' values `repeat` times: groups that the kernels have in several. The rows lie at the front of `values`.
template <typename T>
void Repeat(std::vector<T>& values, int64_t at, int64_t rows, int64_t per_row, int64_t repeat) {
  if (values.empty() || repeat == 1) return;
  for (int64_t i = rows * per_row - 1; i >= 0; --i) {
    std::fill_n(values.data() + at + i * repeat, repeat, values[static_cast<size_t>(at + i)]);
  }
}

// Rows [first, first + count) of `source` as rows [n, n + count) of the panel.
void ReadRun(const WeightSource& source, int64_t first, int64_t count, const GroupForm& kernel, int64_t n,
             PanelRows& rows) {
  const std::optional<GroupForm> own = source.groups();
  const int64_t per_row = source.cols() / PanelRows::ScaleColumns(kernel);
  const int64_t lower_per_row = source.cols() / kernel.group;
  const auto at = [&](auto& values, int64_t entries) { return values.empty() ? nullptr : values.data() + n * entries; };
  source.ReadGroups(first, count,
                    {.codes = at(rows.codes, source.cols()),
                     .scales = at(rows.scales, per_row),
                     .minimums = at(rows.minimums, per_row),
                     .sub_scales = at(rows.lower, lower_per_row),
                     .sub_minimums = at(rows.lower_minimums, lower_per_row),
                     .zeros = at(rows.zeros, per_row)});
  if (kernel.scale == Scale::kTwoLevel) return;
  const int64_t repeat = own->group / kernel.group;
  Repeat(rows.scales, n * per_row, count, per_row / repeat, repeat);
  Repeat(rows.minimums, n * per_row, count, per_row / repeat, repeat);
  Repeat(rows.zeros, n * per_row, count, per_row / repeat, repeat);
}

// 32 codes of outputs n to n + 3, `stride` bytes apart, to their place in a block.
template <Code kCode>
void PutCodes(const uint8_t* codes, int64_t stride, int n, uint8_t* block) {
  constexpr int kQuad = 4 * kPanelCols;
  uint8_t* out = block + 4 * n;
  Words4 low[4], high[4];
  Transpose4(codes, stride, low);
  Transpose4(codes + 16, stride, high);
  if constexpr (kCode == Code::kInt8) {
    StoreColumns(low, out, kQuad);
    StoreColumns(high, out + 4 * kQuad, kQuad);
    return;
  }
  Words4 planes[2] = {};
  for (int j = 0; j < 4; ++j) {
    StoreAs(out + j * kQuad, (low[j] & 0x0f0f0f0fu) | (high[j] & 0x0f0f0f0fu) << 4);
    if constexpr (kCode == Code::kInt5) {
      planes[0] |= (low[j] >> 4 & 0x01010101u) << j | (high[j] >> 4 & 0x01010101u) << (j + 4);
    } else if constexpr (kCode == Code::kInt6) {
      planes[0] |= (low[j] >> 4 & 0x03030303u) << 2 * j;
      planes[1] |= (high[j] >> 4 & 0x03030303u) << 2 * j;
    }
  }
  if constexpr (kCode == Code::kInt5 || kCode == Code::kInt6) StoreAs(out + 4 * kQuad, planes[0]);
  if constexpr (kCode == Code::kInt6) StoreAs(out + 5 * kQuad, planes[1]);
}

template <Code kCode>
void PutBlock(const uint8_t* codes, int64_t stride, uint8_t* block) {
  for (int n = 0; n < kPanelCols; n += 4) PutCodes<kCode>(codes + n * stride, stride, n, block);
}

void PutBlock(Code code, const uint8_t* codes, int64_t stride, uint8_t* block) {
  switch (code) {
    case Code::kInt5:
      return PutBlock<Code::kInt5>(codes, stride, block);
    case Code::kInt6:
      return PutBlock<Code::kInt6>(codes, stride, block);
    case Code::kInt8:
    case Code::kE4M3:
      return PutBlock<Code::kInt8>(codes, stride, block);
    default:
      return PutBlock<Code::kInt4>(codes, stride, block);
  }
}

// Values of group g of every row: [64] floats or halves, or bytes.
void PutFloats(Scale scale, const std::vector<float>& values, int64_t g, uint8_t* out) {
  const int64_t per_row = std::ssize(values) / kPanelCols;
  for (int64_t n = 0; n < kPanelCols; ++n) {
    const float value = values[static_cast<size_t>(n * per_row + g)];
    const uint16_t half = FloatToHalf(value);
    if (scale == Scale::kFloat) {
      std::memcpy(out + 4 * n, &value, 4);
    } else {
      std::memcpy(out + 2 * n, &half, 2);
    }
  }
}

template <typename T>
void PutBytes(const std::vector<T>& values, int64_t g, uint8_t* out) {
  const int64_t per_row = std::ssize(values) / kPanelCols;
  for (int64_t n = 0; n < kPanelCols; ++n) {
    out[n] = static_cast<uint8_t>(values[static_cast<size_t>(n * per_row + g)]);
  }
}

// What stands behind a cell's codes; g: its first group.
void PutLevels(const GroupForm& form, const UnitParts& parts, const PanelRows& rows, int64_t g, uint8_t* cell) {
  const int64_t size = form.scale == Scale::kFloat ? 4 : form.scale == Scale::kHalf ? 2 : 1;
  for (int64_t i = 0; i < CellColumns(form) / form.group; ++i) {
    uint8_t* scales = cell + parts.scales + i * kPanelCols * size;
    uint8_t* minimums = cell + parts.minimums + i * kPanelCols * (form.base == Base::kZero ? 1 : size);
    if (form.scale == Scale::kTwoLevel) {
      PutBytes(rows.lower, g + i, scales);
      if (form.base == Base::kMinimum) PutBytes(rows.lower_minimums, g + i, minimums);
    } else {
      PutFloats(form.scale, rows.scales, g + i, scales);
      if (form.base == Base::kMinimum) PutFloats(form.scale, rows.minimums, g + i, minimums);
      if (form.base == Base::kZero) PutBytes(rows.zeros, g + i, minimums);
    }
  }
}

}  // namespace

bool HasCodes(const WeightSource& source, const GroupForm& form, bool ordered) {
  const std::optional<GroupForm> own = source.groups();
  if (!own || source.column_order().empty() == ordered || own->code != form.code || own->base != form.base)
    return false;
  const bool two_level = own->scale == Scale::kTwoLevel;
  if (two_level != (form.scale == Scale::kTwoLevel) || source.cols() % UnitColumns(form) != 0) return false;
  return two_level ? own->group == form.group : own->group % form.group == 0;
}

void PackGroups(const PackedWeight& w, const GroupForm& form, int64_t p, const std::function<RowRef(int64_t)>& row_of,
                uint8_t pad, uint8_t* panel) {
  PanelRows rows(form, w.inputs, pad);
  const int64_t count = std::min<int64_t>(kPanelCols, w.outputs - p * kPanelCols);
  for (int64_t n = 0; n < count;) {
    const RowRef ref = row_of(p * kPanelCols + n);
    int64_t run = 1;
    while (n + run < count) {
      const RowRef next = row_of(p * kPanelCols + n + run);
      if (next.source != ref.source || (ref.source != nullptr && next.row != ref.row + run)) break;
      ++run;
    }
    if (ref.source != nullptr) {
      PUNA_CHECK(ref.source->cols() == w.inputs && HasCodes(*ref.source, form, w.form.ordered)) << ref.source->name();
    }
    if (ref.source != nullptr) ReadRun(*ref.source, ref.row, run, form, n, rows);
    n += run;
  }
  const UnitParts parts = PartsOf(form);
  const int unit_columns = UnitColumns(form), cell_columns = CellColumns(form);
  for (int64_t k = 0; k < w.inputs; k += cell_columns) {
    uint8_t* unit = panel + k / unit_columns * parts.bytes;
    uint8_t* cell = unit + parts.cells + k % unit_columns / cell_columns * parts.cell;
    if (form.scale == Scale::kTwoLevel && k % unit_columns == 0) {
      PutFloats(Scale::kHalf, rows.scales, k / unit_columns, unit);
      if (form.base == Base::kMinimum) PutFloats(Scale::kHalf, rows.minimums, k / unit_columns, unit + kUnitMinimums);
    }
    for (int64_t b = 0; b < cell_columns / 32; ++b) {
      PutBlock(form.code, rows.codes.data() + k + 32 * b, w.inputs, cell + b * parts.block);
    }
    PutLevels(form, parts, rows, k / form.group, cell);
  }
}

}  // namespace puna::engine
