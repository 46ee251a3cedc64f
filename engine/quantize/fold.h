// Folding rotations and norms into weights (SpinQuant's R1, R2 and R4), so that the model computes
// the same function with weights and activations that have no outliers. All arithmetic is float64.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/thread_team.h"
#include "engine/layers/rotation.h"

namespace puna::engine {

// A dense matrix [rows, cols], row-major, y = x W^T.
struct DenseMatrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;

  float* row(int64_t r) { return values.data() + r * cols; }
  const float* row(int64_t r) const { return values.data() + r * cols; }
};

// W diag(gain): the RMSNorm's gain in front of the layer moves into it.
void FoldGain(DenseMatrix& w, const std::vector<float>& gain, ThreadTeam& team);

// W R: the layer's inputs arrive rotated, in blocks of rotation.size() (a whole row, or each head).
void RotateInputs(DenseMatrix& w, const Rotation& rotation, ThreadTeam& team);

// R^T W: the layer's outputs leave rotated, in blocks of rotation.size().
void RotateOutputs(DenseMatrix& w, const Rotation& rotation, ThreadTeam& team);

// W H / sqrt(n) with H in natural order: what the model's online transform in front of down_proj
// undoes. cols: a power of two.
void FoldHadamard(DenseMatrix& w, ThreadTeam& team);

}  // namespace puna::engine
