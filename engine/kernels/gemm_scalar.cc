// The plain reference of all panel products.

#include <cmath>
#include <cstring>

#include "engine/base/float16.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

void Bf16Panel(const uint8_t* rows, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  const auto* a = reinterpret_cast<const bf16*>(rows);
  for (int r = 0; r < m; ++r) {
    float acc[kPanelCols] = {};
    for (int64_t i = 0; i < k; ++i) {
      const float x = ToFloat(a[r * k + i]);
      for (int n = 0; n < kPanelCols; ++n) acc[n] += x * ToFloat(panel[(i / 2 * kPanelCols + n) * 2 + i % 2]);
    }
    std::memcpy(y + r * ldy, acc, sizeof acc);
  }
}

void Int8Panel(const uint8_t* a, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  for (int r = 0; r < m; ++r) {
    int32_t acc[kPanelCols] = {};
    for (int64_t i = 0; i < k; ++i) {
      for (int n = 0; n < kPanelCols; ++n) acc[n] += a[r * k + i] * panel[(i / 4 * kPanelCols + n) * 4 + i % 4];
    }
    std::memcpy(y + r * ldy, acc, sizeof acc);
  }
}

int Code(const uint8_t* group, int n, int k) {
  const uint8_t byte = group[(k % 16 / 4 * kPanelCols + n) * 4 + k % 4];
  return (k < 16 ? byte & 15 : byte >> 4) - 8;
}

void Int4Panel(const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y, int64_t ldy) {
  const auto* a = reinterpret_cast<const int8_t*>(rows);
  for (int r = 0; r < m; ++r) {
    for (int n = 0; n < kPanelCols; ++n) {
      float acc = 0;
      for (int64_t g = 0; g < k / kInt4Group; ++g) {
        const uint8_t* group = panel + g * kInt4GroupBytes;
        int32_t dot = 0;
        for (int i = 0; i < kInt4Group; ++i) dot += a[r * k + g * kInt4Group + i] * Code(group, n, i);
        uint16_t scale;
        std::memcpy(&scale, group + kInt4ScalesAt + n * 2, 2);
        acc = std::fma(static_cast<float>(dot), HalfToFloat(scale), acc);
      }
      y[r * ldy + n] = acc;
    }
  }
}

constexpr GemmKernels kKernels = {
    .bf16_panel = {1, PlainRowBytes<bf16>, CopyRows<bf16>, Bf16Panel},
    .int8_panel = {1, PlainRowBytes<uint8_t>, CopyRows<uint8_t>, Int8Panel},
    .int4_panel = {1, PlainRowBytes<int8_t>, CopyRows<int8_t>, Int4Panel},
};

}  // namespace

const GemmKernels& ScalarGemmKernels() { return kKernels; }

}  // namespace puna::engine
