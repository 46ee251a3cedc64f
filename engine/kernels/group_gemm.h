// Products of int8 activations with one packed panel of a GroupForm: 64 outputs, all of K. As in gemm.h a row's result does
// not depend on the rows beside it, and here neither on the instruction set: group by group in rising order
//   y = fma(float(sum of code * x), scale, y), and with minimums or zero points y = fma(float(sum of x), minimum, y),
// where codes of forms with an offset have it taken away, a two-level scale is the product of its parts, and a zero point's
// minimum is -(scale * zero); every one of them a float32 operation of its own. Codes that stand for floats:
//   sum = fma(code, x, sum) for each column of the group in rising order, then y = fma(sum, scale, y).
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/cpu_features.h"
#include "engine/kernels/group_form.h"

namespace puna::engine {

inline constexpr int kSumColumns = 16;  // columns of one entry of the sums

// As PanelProduct (gemm.h), for every form: rows are brought once into the order that the set's kernels read, whatever the
// forms of the matrices that share them.
struct GroupProduct {
  int tile_rows;
  int64_t (*row_bytes)(int64_t k);
  void (*arrange)(const int8_t* rows, int m, int64_t k, uint8_t* tile);
  // y [m, 64] = rows [m, k] * panel; k a multiple of the form's unit, activations in -127 .. 127.
  void (*multiply)(const GroupForm& form, const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y,
                   int64_t ldy);
  // y [panels, 64] = one row * each of a few panels (gemm.h). Null: the set does without.
  void (*multiply_row)(const GroupForm& form, const uint8_t* row, std::span<const uint8_t* const> panels, int64_t k,
                       float* y) = nullptr;
};

const GroupProduct& GetGroupProduct(Isa isa);

// One output of a panel as float32 [k]: what the matrix holds.
void ReadGroupColumn(const GroupForm& form, const uint8_t* panel, int column, int64_t k, float* out);

// A row as it is, and behind it the int32 sums of each 16 of its codes: the order of sets with tiles of one row.
int64_t SummedRowBytes(int64_t k);
void SummedRow(const int8_t* row, int m, int64_t k, uint8_t* out);

// Rows in that order, as the kernels pass them on.
struct GroupInput {
  const int8_t* codes = nullptr;  // [rows, k], `stride` bytes apart
  const int32_t* sums = nullptr;  // [rows, k / 16], as far apart
  int64_t stride = 0;             // bytes
  int rows = 0;
};
inline GroupInput SummedRows(const uint8_t* rows, int m, int64_t k) {
  return {reinterpret_cast<const int8_t*>(rows), reinterpret_cast<const int32_t*>(rows + k), k + k / kSumColumns * 4,
          m};
}

// Behind it, one file each.
const GroupProduct& ScalarGroupProduct();
const GroupProduct& Avx2GroupProduct();
const GroupProduct& Avx2VnniGroupProduct();
const GroupProduct& Vnni256GroupProduct();
const GroupProduct& Avx512GroupProduct();

}  // namespace puna::engine
