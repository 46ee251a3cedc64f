// The operations on single rows: norms, rotations, activations, quantisation. Each is a pure function over borrowed memory;
// all instruction sets give the same bits (tests/engine/kernels/ops_golden_test.cc).
#pragma once

#include <cstdint>

#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"

namespace puna::engine {

// How one row was rounded to int8: x ~ scale * (q - zero).
struct RowQuant {
  float scale = 0;
  int32_t zero = 0;
};

struct ElementwiseKernels {
  // y = x * rsqrt(mean(x^2) + eps) * weight, over n elements.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float eps, float* y);

  // y = bf16(x).
  void (*to_bf16)(const float* x, int64_t n, bf16* y);

  // Per-row dynamic int8. Symmetric: scale = max|x| / 127 (at least 1e-10), q = round(x / scale).
  // Asymmetric (XNNPACK's rule, as Meta's int4 checkpoints are run): range [min(x,0), max(x,0)], scale = range / 255 (at least
  // 2^-23), zero from whichever end errs less. Rounding is half to even.
  RowQuant (*quantize_symmetric)(const float* x, int64_t n, int8_t* q);
  RowQuant (*quantize_asymmetric)(const float* x, int64_t n, int8_t* q);

  // starts [n / 32]: -8 times the sum of each 32 codes (see gemm.h); n a multiple of 32.
  void (*group_starts)(const int8_t* q, int64_t n, int32_t* starts);

  // y = gate * sigmoid(gate) * up.
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* y);

  // Rotates pairs (x[i], x[i + d/2]) by the angles of cos/sin [d/2], in place, then multiplies by `scale`.
  void (*rope)(float* x, const float* cos, const float* sin, int64_t d, float scale);

  // Fast Walsh-Hadamard transform in natural order times 1/sqrt(n), in place; n a power of two.
  void (*fwht)(float* x, int64_t n);

  // y += x.
  void (*add)(const float* x, int64_t n, float* y);

  // y = (acc - zero * weight_sum) * weight_scale * scale: the end of an int8 product.
  void (*dequantize)(const int32_t* acc, const int32_t* weight_sum, const float* weight_scale, RowQuant row, int64_t n,
                     float* y);

  // y = (y - zero * weighted_sum) * scale: the end of an int4 product.
  void (*scale_row)(const float* weighted_sum, RowQuant row, int64_t n, float* y);
};

const ElementwiseKernels& GetElementwiseKernels(Isa isa);

}  // namespace puna::engine
