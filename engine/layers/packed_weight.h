// PackedWeight: one weight matrix in the panels that the kernels read (engine/kernels/gemm.h, group_form.h), made once while
// loading or mapped from a file (packed_blob.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/thread_team.h"
#include "engine/checkpoint/sources/weight_source.h"
#include "engine/kernels/gemm.h"
#include "engine/layers/shared_array.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Where a packed column (= output of the layer) comes from; source null: a column of zeros.
struct RowRef {
  const WeightSource* source = nullptr;
  int64_t row = 0;
};

struct PackedWeight {
  WeightForm form{};
  int64_t outputs = 0;  // columns, without padding
  int64_t inputs = 0;   // K, without padding
  int64_t k = 0;        // padded K
  int64_t panels = 0;
  int64_t panel_bytes = 0;
  SharedArray<uint8_t> data;         // [panels][panel_bytes]
  SharedArray<float> scales;         // W8A8: [panels * 64], of each output
  SharedArray<int32_t> sums;         // W8A8: [panels * 64], sum of each output's codes
  SharedArray<float> weighted_sums;  // W4A8: [panels * 64], sum over groups of scale * (sum of codes)
  SharedArray<int32_t> order;        // ordered forms: [inputs], the input that each column multiplies

  WeightFormat format() const { return form.format; }
  const uint8_t* panel(int64_t p) const { return data.data() + p * panel_bytes; }
  std::span<const int32_t> column_order() const { return {order.data(), order.size()}; }
  size_t bytes() const { return data.bytes() + scales.bytes() + sums.bytes() + weighted_sums.bytes() + order.bytes(); }

  // Output row `row` as float32 [inputs]: an embedding.
  void ReadRow(int64_t row, float* out) const;
};

// A weight of this shape, all but its memory.
PackedWeight EmptyWeight(const WeightForm& form, int64_t outputs, int64_t inputs);

// Packs rows row_of(0 .. outputs), each of `inputs` columns, on all threads. A source whose encoding is the format's
// own keeps its codes; others are rounded: int8 to nearest by the row's largest value, int4 by the group scale (of a
// few shrunken ones) with the least squared error. Sources for kGroups have the codes: their groups() have this KernelForm, and
// for an ordered form one column_order(). `isa` is whose rounding is used; all give the same bits.
PackedWeight Pack(const WeightForm& form, int64_t outputs, int64_t inputs, const std::function<RowRef(int64_t)>& row_of,
                  ThreadTeam& team, Isa isa);

}  // namespace puna::engine
