// Rows of a weight matrix brought into a panel (gemm.h), sixteen at a time, a lane of a register for each: the rounding of
// round_weights.h, with its bits, at the speed at which a disk reads.
#pragma once

#include <cstdint>

#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr int kRoundedRows = 16;

struct PanelRounding {
  // RoundToInt8, over x [n].
  float (*int8_row)(const float* x, int64_t n, int8_t* codes);

  // x [16, k], `stride` floats apart, k a multiple of 32, as int4 outputs n to n + 15 (n a multiple of 16) of a panel: RoundToInt4
  // of each group. weighted_sums [16]: over groups in rising order, scale * (sum of the codes).
  void (*int4_rows)(const float* x, int64_t stride, int64_t k, int n, uint8_t* panel, float* weighted_sums);

  // Word w of each of 16 rows, `stride` bytes apart, to words n to n + 15 of row w of a panel of 64 words a row: two bf16
  // or four int8 codes of an output stand together there.
  void (*words)(const uint8_t* rows, int64_t stride, int64_t words, int n, uint8_t* panel);
};

const PanelRounding& GetPanelRounding(Isa isa);

// Behind it, one file each.
const PanelRounding& ScalarPanelRounding();
const PanelRounding& Avx2PanelRounding();
const PanelRounding& Avx512PanelRounding();

}  // namespace puna::engine
