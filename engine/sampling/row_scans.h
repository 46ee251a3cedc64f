// The passes over a whole row of logits, per instruction set. Scans go in blocks of kScanBlock ids with a fixed order
// of additions: all sets give the same bits. A NaN never wins a comparison and weighs nothing.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr size_t kScanBlock = 64;
inline constexpr size_t ScanBlocks(size_t vocab) { return (vocab + kScanBlock - 1) / kScanBlock; }
inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct RowScans {
  // maxima[b] = the largest of block b, -inf if it has none. maxima: [ScanBlocks(x.size())].
  void (*block_maxima)(std::span<const float> x, std::span<float> maxima);

  // exp((x - max) * scale) for x <= max and scale > 0; 0 below e^-86. Relative error below 1e-6.
  float (*weight)(float x, float max, float scale);

  // weights[i] = weight(x[i], max, scale); sums[b] = their sum in block b. Returns the sum of all.
  double (*block_weights)(std::span<const float> x, float max, float scale, std::span<float> weights,
                          std::span<float> sums);
};

const RowScans& GetRowScans(Isa isa);

}  // namespace puna::engine
