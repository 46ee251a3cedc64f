// The idea of GPTQ. Rounding to nearest makes the error of each weight small; what counts is the error of the outputs, which is
// (W - Q) X^T over the inputs X of a calibration text, so its square is the sum over rows of e H e^T with H = X^T X. Inputs
// go together: where two columns of X are alike, an error in one column's weight can be made good by the other's. So
// columns are rounded one after the other, and after each one the columns that are still to come are moved to where the
// outputs change least, given what is already lost. That best move is a row of the inverse of H restricted to the columns
// to come; all these rows are those of one upper triangular matrix U with H^-1 = U^T U (inverse_factor.cc), so nothing is
// inverted again and again:
//
//   error = (w[j] - q[j]) / U[j][j];    w[c] -= error * U[j][c] for all c > j
//
// Rows do not know each other, so a task takes a few of them through all columns (GptqRows). Within a block of 128
// columns the moves are made at once; beyond it the errors of the whole block are kept and go on in one matrix product,
// which is where the time goes (matrix_kernels.h). A group's scale is chosen when its first column's turn comes: by then
// its weights have moved.
#include "engine/quantize/rounded_matrix.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/round_weights.h"
#include "engine/quantize/matrix_kernels.h"

namespace puna::engine {
namespace {

RoundedMatrix Empty(const DenseMatrix& w, Bits bits) {
  const int64_t group = bits == Bits::kInt4 ? kInt4Group : w.cols;
  PUNA_CHECK(w.cols % group == 0) << w.cols;
  RoundedMatrix out{.bits = bits, .rows = w.rows, .cols = w.cols, .group = group, .codes = {}, .scales = {}};
  out.codes.resize(static_cast<size_t>(w.rows * w.cols));
  out.scales.resize(static_cast<size_t>(w.rows * (w.cols / group)));
  return out;
}

// A few rows on their way through all columns.
class GptqRows {
 public:
  GptqRows(const DenseMatrix& w, int64_t first, int64_t rows, const Hessian& factor, Bits bits,
           SubtractProductFn subtract, RoundedMatrix& out)
      : first_(first),
        rows_(rows),
        n_(w.cols),
        factor_(factor),
        bits_(bits),
        subtract_(subtract),
        out_(out),
        work_(w.row(first), w.row(first) + rows * w.cols),
        errors_(static_cast<size_t>(rows * kBlock)) {}

  void Run() {
    if (bits_ == Bits::kInt8) {
      std::vector<int8_t> unused(static_cast<size_t>(n_));
      for (int64_t r = 0; r < rows_; ++r) {
        out_.scales[static_cast<size_t>(first_ + r)] = RoundToInt8(work_.data() + r * n_, n_, unused.data());
      }
    }
    for (int64_t begin = 0; begin < n_; begin += kBlock) {
      const int64_t end = std::min(n_, begin + kBlock);
      for (int64_t r = 0; r < rows_; ++r) RoundBlock(r, begin, end);
      subtract_(errors_.data(), kBlock, factor_.row(begin) + end, n_, work_.data() + end, n_, rows_, n_ - end,
                end - begin);
    }
  }

 private:
  static constexpr int64_t kBlock = 128;  // columns whose errors go on to the rest together

  void RoundBlock(int64_t r, int64_t begin, int64_t end) {
    float* w = work_.data() + r * n_;
    float* scales = out_.scales.data() + (first_ + r) * (n_ / out_.group);
    const float lowest = bits_ == Bits::kInt4 ? -8.0f : -127.0f;
    const float highest = bits_ == Bits::kInt4 ? 7.0f : 127.0f;
    for (int64_t j = begin; j < end; ++j) {
      float& scale = scales[j / out_.group];
      if (bits_ == Bits::kInt4 && j % kInt4Group == 0) {
        int8_t unused[kInt4Group];
        scale = RoundToInt4(w + j, unused);
      }
      const float code = scale != 0 ? std::clamp(std::nearbyint(w[j] / scale), lowest, highest) : 0.0f;
      out_.codes[static_cast<size_t>((first_ + r) * n_ + j)] = static_cast<int8_t>(code);
      const float* u = factor_.row(j);
      const float error = (w[j] - code * scale) / u[j];
      for (int64_t c = j + 1; c < end; ++c) w[c] -= error * u[c];
      errors_[static_cast<size_t>(r * kBlock + j - begin)] = error;
    }
  }

  int64_t first_, rows_, n_;
  const Hessian& factor_;
  Bits bits_;
  SubtractProductFn subtract_;
  RoundedMatrix& out_;
  std::vector<float> work_;    // [rows, n]
  std::vector<float> errors_;  // [rows, kBlock]
};

class DenseMatrixSource final : public WeightSource {
 public:
  explicit DenseMatrixSource(const DenseMatrix& w) : w_(w) {}
  std::string name() const override { return "a matrix in memory"; }
  int64_t rows() const override { return w_.rows; }
  int64_t cols() const override { return w_.cols; }
  Encoding encoding() const override { return Encoding::kFloat; }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    std::copy_n(w_.row(first), count * w_.cols, out);
  }

 private:
  const DenseMatrix& w_;
};

class RoundedMatrixSource final : public WeightSource {
 public:
  explicit RoundedMatrixSource(const RoundedMatrix& w) : w_(w) {}
  std::string name() const override { return "a rounded matrix in memory"; }
  int64_t rows() const override { return w_.rows; }
  int64_t cols() const override { return w_.cols; }
  Encoding encoding() const override { return w_.bits == Bits::kInt4 ? Encoding::kInt4 : Encoding::kInt8; }
  int64_t group_size() const override { return w_.group; }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    for (int64_t r = first; r < first + count; ++r) {
      for (int64_t c = 0; c < w_.cols; ++c) *out++ = w_.value(r, c);
    }
  }
  void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const override {
    const int64_t groups = w_.cols / w_.group;
    std::copy_n(w_.codes.data() + first * w_.cols, count * w_.cols, codes);
    std::copy_n(w_.scales.data() + first * groups, count * groups, scales);
  }

 private:
  const RoundedMatrix& w_;
};

}  // namespace

RoundedMatrix RoundToNearest(const DenseMatrix& w, Bits bits, ThreadTeam& team) {
  RoundedMatrix out = Empty(w, bits);
  const int64_t groups = w.cols / out.group;
  team.ForEach(w.rows, [&](int64_t r, int) {
    for (int64_t g = 0; g < groups; ++g) {
      const float* x = w.row(r) + g * out.group;
      int8_t* codes = out.codes.data() + r * w.cols + g * out.group;
      out.scales[static_cast<size_t>(r * groups + g)] =
          bits == Bits::kInt4 ? RoundToInt4(x, codes) : RoundToInt8(x, w.cols, codes);
    }
  });
  return out;
}

RoundedMatrix RoundByGptq(const DenseMatrix& w, const Hessian& factor, Bits bits, Isa isa, ThreadTeam& team) {
  PUNA_CHECK(factor.size() == w.cols) << factor.size();
  RoundedMatrix out = Empty(w, bits);
  constexpr int64_t kRows = 64;
  team.ForEach((w.rows + kRows - 1) / kRows, [&](int64_t task, int) {
    const int64_t first = task * kRows;
    GptqRows(w, first, std::min(kRows, w.rows - first), factor, bits, GetSubtractProduct(isa), out).Run();
  });
  return out;
}

double RelativeError(const DenseMatrix& w, const RoundedMatrix& rounded) {
  double error = 0, norm = 0;
  for (int64_t r = 0; r < w.rows; ++r) {
    for (int64_t c = 0; c < w.cols; ++c) {
      const double x = w.row(r)[c];
      const double d = x - rounded.value(r, c);
      error += d * d;
      norm += x * x;
    }
  }
  return norm > 0 ? std::sqrt(error / norm) : 0;
}

double RelativeOutputError(const DenseMatrix& w, const RoundedMatrix& rounded, const Hessian& h, Isa isa,
                           ThreadTeam& team) {
  std::vector<float> change(w.values.size());
  for (int64_t r = 0; r < w.rows; ++r) {
    for (int64_t c = 0; c < w.cols; ++c)
      change[static_cast<size_t>(r * w.cols + c)] = w.row(r)[c] - rounded.value(r, c);
  }
  const double norm = OutputError(h, {w.values.data(), w.rows, w.cols}, isa, team);
  return norm > 0 ? std::sqrt(OutputError(h, {change.data(), w.rows, w.cols}, isa, team) / norm) : 0;
}

std::unique_ptr<WeightSource> MakeSource(const DenseMatrix& w) { return std::make_unique<DenseMatrixSource>(w); }
std::unique_ptr<WeightSource> MakeSource(const RoundedMatrix& w) { return std::make_unique<RoundedMatrixSource>(w); }

}  // namespace puna::engine
