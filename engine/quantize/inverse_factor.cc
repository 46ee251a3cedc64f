// H^-1 = U^T U without forming H^-1: with the order of the inputs turned round, H' = L L^T
// (Cholesky) and X = L^-1, U is X turned round again. Blocked, n^3 / 3 multiplications each for the
// two steps, in place.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "engine/quantize/hessian.h"
#include "engine/quantize/matrix_kernels.h"

namespace puna::engine {
namespace {

constexpr int64_t kBlock = 128;
constexpr int64_t kStrip = 512;  // columns that one task takes

class Factorizer {
 public:
  Factorizer(float* a, int64_t n, Isa isa, ThreadTeam& team)
      : a_(a), n_(n), subtract_(GetSubtractProduct(isa)), team_(team), panel_(static_cast<size_t>(kBlock * n)) {}

  // The lower half becomes L with A = L L^T.
  void Cholesky() {
    for (int64_t k = 0; k < n_; k += kBlock) {
      const int64_t size = std::min(kBlock, n_ - k);
      FactorDiagonal(k, size);
      const int64_t blocks = (n_ - k - size + kBlock - 1) / kBlock;
      team_.ForEach(blocks, [&](int64_t b, int) { SolveRows(k, size, k + size + b * kBlock); });
      team_.ForEach(blocks, [&](int64_t b, int) {
        const int64_t first = k + size + b * kBlock;
        const int64_t rows = std::min(kBlock, n_ - first);
        subtract_(at(first, k), n_, panel_.data() + k + size, n_, at(first, k + size), n_, rows,
                  first + rows - k - size, size);
      });
    }
  }

  // The lower half, L, becomes L^-1: row blocks in rising order, each from the inverse above it.
  void InvertLower() {
    for (int64_t r = 0; r < n_; ++r) std::fill(at(r, r) + 1, at(r, 0) + n_, 0.0f);  // blocks above are read whole
    std::vector<float> row(static_cast<size_t>(kBlock * n_));
    std::vector<float> inverse(static_cast<size_t>(kBlock * kBlock));
    for (int64_t i = 0; i < n_; i += kBlock) {
      const int64_t size = std::min(kBlock, n_ - i);
      InvertDiagonal(i, size, inverse.data());
      for (int64_t r = 0; r < size; ++r) {
        std::copy_n(at(i + r, 0), i, row.data() + r * n_);
        std::fill_n(at(i + r, 0), i, 0.0f);
      }
      team_.ForEach((i + kStrip - 1) / kStrip, [&](int64_t s, int) {
        const int64_t first = s * kStrip;
        const int64_t cols = std::min(kStrip, i - first);
        // X is lower triangular: rows above `first` have nothing in these columns.
        std::vector<float> product(static_cast<size_t>(size * cols));
        subtract_(row.data() + first, n_, at(first, first), n_, product.data(), cols, size, cols, i - first);
        std::vector<float> result(static_cast<size_t>(size * cols));
        subtract_(inverse.data(), kBlock, product.data(), cols, result.data(), cols, size, cols, size);
        for (int64_t r = 0; r < size; ++r) {
          for (int64_t c = 0; c < cols; ++c) at(i + r, first)[c] = -result[static_cast<size_t>(r * cols + c)];
        }
      });
      for (int64_t r = 0; r < size; ++r) std::copy_n(inverse.data() + r * kBlock, r + 1, at(i + r, i));
    }
  }

 private:
  float* at(int64_t r, int64_t c) { return a_ + r * n_ + c; }

  void FactorDiagonal(int64_t k, int64_t size) {
    for (int64_t j = 0; j < size; ++j) {
      double d = at(k + j, k)[j];
      for (int64_t i = 0; i < j; ++i) d -= double{at(k + j, k)[i]} * at(k + j, k)[i];
      if (!(d > 0) || !std::isfinite(d)) {
        throw std::runtime_error(
            "the activations on the calibration text are not finite, or not enough of them; use "
            "more text");
      }
      const auto root = static_cast<float>(std::sqrt(d));
      at(k + j, k)[j] = root;
      for (int64_t r = j + 1; r < size; ++r) {
        double s = at(k + r, k)[j];
        for (int64_t i = 0; i < j; ++i) s -= double{at(k + r, k)[i]} * at(k + j, k)[i];
        at(k + r, k)[j] = static_cast<float>(s / root);
      }
    }
  }

  // Rows [first, first + kBlock) of the panel below the diagonal block: X L_kk^T = A, and their
  // transposed copy.
  void SolveRows(int64_t k, int64_t size, int64_t first) {
    const int64_t last = std::min(n_, first + kBlock);
    for (int64_t r = first; r < last; ++r) {
      float* x = at(r, k);
      for (int64_t j = 0; j < size; ++j) {
        const float* l = at(k + j, k);
        float sum = x[j];
        for (int64_t i = 0; i < j; ++i) sum -= x[i] * l[i];
        x[j] = sum / l[j];
      }
      for (int64_t j = 0; j < size; ++j) panel_[static_cast<size_t>(j * n_ + r)] = x[j];
    }
  }

  void InvertDiagonal(int64_t i, int64_t size, float* inverse) {
    std::fill_n(inverse, kBlock * kBlock, 0.0f);
    for (int64_t c = 0; c < size; ++c) {
      inverse[c * kBlock + c] = 1.0f / at(i + c, i)[c];
      for (int64_t r = c + 1; r < size; ++r) {
        double sum = 0;
        for (int64_t j = c; j < r; ++j) sum += double{at(i + r, i)[j]} * inverse[j * kBlock + c];
        inverse[r * kBlock + c] = static_cast<float>(-sum / at(i + r, i)[r]);
      }
    }
  }

  float* a_;
  int64_t n_;
  SubtractProductFn subtract_;
  ThreadTeam& team_;
  std::vector<float> panel_;  // [kBlock, n]: the columns below the diagonal block, transposed
};

// Element (i, j) of the lower half goes to (n - 1 - j, n - 1 - i) of the lower half: both orders
// turned round, and transposed.
void TurnRound(Hessian& h) {
  const int64_t n = h.size();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      const int64_t to_row = n - 1 - j, to_col = n - 1 - i;
      if (to_row > i || (to_row == i && to_col > j)) std::swap(h.row(i)[j], h.row(to_row)[to_col]);
    }
  }
}

// U (a, b) = X (n - 1 - a, n - 1 - b): the whole memory read backwards.
void TurnWhole(Hessian& h) { std::reverse(h.row(0), h.row(0) + h.size() * h.size()); }

}  // namespace

void InverseFactor(Hessian& h, double damping, Isa isa, ThreadTeam& team) {
  const int64_t n = h.size();
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += h.row(i)[i] / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) {
    if (h.row(i)[i] == 0) h.row(i)[i] = mean > 0 ? static_cast<float>(mean) : 1.0f;
    h.row(i)[i] += static_cast<float>(damping * mean);
  }
  TurnRound(h);
  Factorizer factorizer(h.row(0), n, isa, team);
  factorizer.Cholesky();
  factorizer.InvertLower();
  TurnWhole(h);
}

}  // namespace puna::engine
