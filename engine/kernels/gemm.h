// Products of activations with one packed panel of weights: 64 output columns, all of K. One packed copy serves every number
// of rows and every instruction set, and a row's result does not depend on how many rows stand beside it: every output is one
// chain of additions in rising k (integer formats: exact sums, and float steps in rising group), whatever m is.
//
// Panels (n = column in the panel, all padded with zeros):
//   bf16  [k / 2][64 n][2 k]                       k a multiple of 32; oneDNN's BA16a64b2a
//   int8  [k / 4][64 n][4 k]                       k a multiple of 64; oneDNN's BA16a64b4a
//   int4  [k / 32] x { [4 j][64 n][4 k] bytes: low nibble k = 4 j + i, high nibble k = 16 + 4 j + i, code + 8;
//                      [64 n] float16 scales }     k a multiple of 32; 1152 bytes a group
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr int kPanelCols = 64;
inline constexpr int kInt4Group = 32;
inline constexpr int64_t kInt4ScalesAt = kPanelCols * kInt4Group / 2;  // bytes: where a group's scales begin
inline constexpr int64_t kInt4GroupBytes = kInt4ScalesAt + kPanelCols * int64_t{2};

// One form's product on one instruction set: activations A, a panel of W, results Y.
//
// Rows are read in the order that suits the set's kernel, and are brought into it once for all the panels of all the layers that
// share them. They stand in tiles of tile_rows, from the first row on; what remains at the end is a smaller tile. A row takes
// row_bytes(k), so the tile of row r (a multiple of tile_rows) begins r * row_bytes(k) behind the first.
template <typename A, typename W, typename Y>
struct PanelProduct {
  int tile_rows;  // a divisor of kMaxTileRows
  int64_t (*row_bytes)(int64_t k);
  // rows [m, k], k elements apart, 1 <= m <= tile_rows: into `tile`, aligned to 4 bytes.
  void (*arrange)(const A* rows, int m, int64_t k, uint8_t* tile);
  // y [m, 64] = rows [m, k] * panel, ldy elements from one row of y to the next. `rows` is where a tile begins.
  void (*multiply)(const uint8_t* rows, int m, const W* panel, int64_t k, Y* y, int64_t ldy);
  // y [panels, 64] = one row * each of a few panels, which are read by turns: memory comes faster from two places than from one,
  // because the processor fetches ahead in each of them. Null: the set does without.
  void (*multiply_row)(const uint8_t* row, std::span<const W* const> panels, int64_t k, Y* y) = nullptr;
};
inline constexpr int kMaxTileRows = 12;
inline constexpr int kPanelsByTurns = 2;  // that multiply_row is best given: more places were slower again (Zen 3)

struct GemmKernels {
  PanelProduct<bf16, bf16, float> bf16_panel;
  // Exact; the activations are codes + 128 as unsigned bytes.
  PanelProduct<uint8_t, int8_t, int32_t> int8_panel;
  // y = sum over groups of scale * (sum of code * a), a signed. One fused multiply-add a group, in rising order.
  PanelProduct<int8_t, uint8_t, float> int4_panel;
};

const GemmKernels& GetGemmKernels(Isa isa);

// The order of a kernel that reads rows as they are: tiles of one row. (Not defined here, so that no instruction set's file
// makes a copy of its own that the linker might give to all.)
template <typename A>
int64_t PlainRowBytes(int64_t k);
template <typename A>
void CopyRows(const A* rows, int m, int64_t k, uint8_t* tile);

// All of m rows [m, k] in the product's order.
template <typename A, typename W, typename Y>
std::vector<uint8_t> Arranged(const PanelProduct<A, W, Y>& product, const A* rows, int m, int64_t k) {
  const int64_t row_bytes = product.row_bytes(k);
  std::vector<uint8_t> out(m * row_bytes);
  for (int r = 0; r < m; r += product.tile_rows) {
    product.arrange(rows + r * k, std::min(product.tile_rows, m - r), k, out.data() + r * row_bytes);
  }
  return out;
}

// Behind it, one file each.
const GemmKernels& ScalarGemmKernels();
const GemmKernels& NeonGemmKernels();
const GemmKernels& DotProdGemmKernels();
const GemmKernels& I8mmGemmKernels();
const GemmKernels& Avx2GemmKernels();
const GemmKernels& Avx2VnniGemmKernels();
const GemmKernels& Vnni256GemmKernels();
const GemmKernels& Avx512GemmKernels();
const GemmKernels& Avx512Bf16GemmKernels();

}  // namespace puna::engine
