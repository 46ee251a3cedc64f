// Products of activations with one packed panel of weights: 64 output columns, all of K. One packed copy serves every number
// of rows, and a row's result does not depend on how many rows stand beside it: every output is one chain of additions in
// rising k (integer formats: exact sums, and float steps in rising group), whatever m is.
//
// Panels (n = column in the panel, all padded with zeros):
//   bf16  [k / 2][64 n][2 k]                       k a multiple of 32; oneDNN's BA16a64b2a
//   int8  [k / 4][64 n][4 k]                       k a multiple of 64; oneDNN's BA16a64b4a
//   int4  [k / 32] x { [4 j][64 n][4 k] bytes: low nibble k = 4 j + i, high nibble k = 16 + 4 j + i, code + 8;
//                      [64 n] float16 scales }     k a multiple of 32; 1152 bytes a group
#pragma once

#include <cstdint>

#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr int kPanelCols = 64;
inline constexpr int kInt4Group = 32;
inline constexpr int64_t kInt4GroupBytes = 1024 + 64 * 2;

struct GemmKernels {
  // y [m, 64] = a [m, k] * panel. lda and ldy count elements.
  void (*bf16_panel)(const bf16* a, int64_t lda, int m, const bf16* panel, int64_t k, float* y, int64_t ldy);

  // y [m, 64] = a [m, k] * panel, exact; a holds codes + 128 as unsigned bytes.
  void (*int8_panel)(const uint8_t* a, int64_t lda, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy);

  // y [m, 64] = sum over groups of scale * (sum of code * a); a holds signed codes, starts [m, k / 32] what
  // takes the offset of the codes back: -8 times the sum of each group's activations.
  void (*int4_panel)(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, int m, const uint8_t* panel,
                     int64_t k, float* y, int64_t ldy);
};

const GemmKernels& GetGemmKernels(Isa isa);

// Behind it, one file each.
const GemmKernels& ScalarGemmKernels();
const GemmKernels& Avx2GemmKernels();
const GemmKernels& Avx2VnniGemmKernels();
const GemmKernels& Vnni256GemmKernels();
const GemmKernels& Avx512GemmKernels();
const GemmKernels& Avx512Bf16GemmKernels();

}  // namespace puna::engine
