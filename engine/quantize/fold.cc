// The idea of rotations (QuaRot, SpinQuant). A few channels of a transformer carry values a hundred times larger than the others,
// and a scale that reaches them leaves the others one or two codes. But y = W x = (W R) (R^T x) for every orthogonal R: a
// rotation that mixes all channels spreads each large value over all of them, and the function stays what it was. Where
// R^T x comes out of a linear layer, R goes into that layer's rows and costs nothing while the model runs:
//
//   R1  the residual stream: into the outputs of the embedding, o_proj and down_proj, and the inputs of q, k, v, gate, up
//       and the head. RMSNorm does not see a rotation (it keeps lengths), once its gain has moved into the layer behind it.
//   R2  each head's values: out of v_proj, into o_proj, since attention only weighs whole value vectors.
//   R4  the input of down_proj: behind SiLU and a product, which do not commute with a rotation, so that one is applied while
//       the model runs, as a Hadamard transform in O(n log n), and only its inverse is folded here.
#include "engine/quantize/fold.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/base/check.h"

namespace puna::engine {

void FoldGain(DenseMatrix& w, const std::vector<float>& gain, ThreadTeam& team) {
  PUNA_CHECK(static_cast<int64_t>(gain.size()) == w.cols) << gain.size();
  team.ForEach(w.rows, [&](int64_t r, int) {
    float* row = w.row(r);
    for (int64_t c = 0; c < w.cols; ++c) row[c] *= gain[static_cast<size_t>(c)];
  });
}

void RotateInputs(DenseMatrix& w, const Rotation& rotation, ThreadTeam& team) {
  const int64_t n = rotation.size();
  PUNA_CHECK(w.cols % n == 0) << w.cols << ' ' << n;
  team.ForEach(w.rows, [&](int64_t r, int) {
    std::vector<double> x(static_cast<size_t>(n));
    for (float* block = w.row(r); block < w.row(r) + w.cols; block += n) {
      std::copy_n(block, n, x.begin());
      rotation.Apply(x.data());
      for (int64_t i = 0; i < n; ++i) block[i] = static_cast<float>(x[static_cast<size_t>(i)]);
    }
  });
}

void RotateOutputs(DenseMatrix& w, const Rotation& rotation, ThreadTeam& team) {
  constexpr int64_t kCols = 16;  // a cache line of each row at a time
  const int64_t n = rotation.size();
  PUNA_CHECK(w.rows % n == 0) << w.rows << ' ' << n;
  team.ForEach((w.cols + kCols - 1) / kCols, [&](int64_t task, int) {
    const int64_t first = task * kCols;
    const int64_t count = std::min(kCols, w.cols - first);
    std::vector<double> columns(static_cast<size_t>(kCols * n));
    for (int64_t block = 0; block < w.rows; block += n) {
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t c = 0; c < count; ++c) columns[static_cast<size_t>(c * n + r)] = w.row(block + r)[first + c];
      }
      for (int64_t c = 0; c < count; ++c) rotation.Apply(columns.data() + c * n);
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t c = 0; c < count; ++c) {
          w.row(block + r)[first + c] = static_cast<float>(columns[static_cast<size_t>(c * n + r)]);
        }
      }
    }
  });
}

void FoldHadamard(DenseMatrix& w, ThreadTeam& team) {
  PUNA_CHECK(std::has_single_bit(static_cast<uint64_t>(w.cols))) << w.cols;
  team.ForEach(w.rows, [&](int64_t r, int) {
    std::vector<double> x(w.row(r), w.row(r) + w.cols);
    for (int64_t half = 1; half < w.cols; half *= 2) {
      for (int64_t i = 0; i < w.cols; i += 2 * half) {
        for (int64_t j = i; j < i + half; ++j) {
          const double a = x[static_cast<size_t>(j)], b = x[static_cast<size_t>(j + half)];
          x[static_cast<size_t>(j)] = a + b;
          x[static_cast<size_t>(j + half)] = a - b;
        }
      }
    }
    const double scale = 1 / std::sqrt(static_cast<double>(w.cols));
    for (int64_t c = 0; c < w.cols; ++c) w.row(r)[c] = static_cast<float>(x[static_cast<size_t>(c)] * scale);
  });
}

}  // namespace puna::engine
