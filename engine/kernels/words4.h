// Four words of four rows, turned over: how rows of weights come into panels, in which the same word of neighbouring outputs
// stands side by side. Four words are a register of every processor.
#pragma once

#include "engine/kernels/vec16.h"

namespace puna::engine {
namespace {

using Words4 = Register<uint32_t, 4>;

// columns[w]: word w of rows r = 0 .. 3, which are `stride` bytes apart.
PUNA_INLINE void Transpose4(const void* rows, int64_t stride, Words4 (&columns)[4]) {
  const auto* bytes = static_cast<const uint8_t*>(rows);
  const auto a = LoadAs<Words4>(bytes), b = LoadAs<Words4>(bytes + stride);
  const auto c = LoadAs<Words4>(bytes + 2 * stride), d = LoadAs<Words4>(bytes + 3 * stride);
  const Words4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Words4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  columns[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  columns[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  columns[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  columns[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

// To out, out + out_stride, ... bytes.
PUNA_INLINE void StoreColumns(const Words4 (&columns)[4], void* out, int64_t out_stride) {
  for (int w = 0; w < 4; ++w) StoreAs(static_cast<uint8_t*>(out) + w * out_stride, columns[w]);
}

}  // namespace
}  // namespace puna::engine
