// The pieces of GPTQ against plain references in float64, and what it is for: less error in the
// outputs than rounding to nearest.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/quantize/hessian.h"
#include "engine/quantize/rounded_matrix.h"

namespace puna::engine {
namespace {

// Inputs whose columns depend on each other, as real ones do.
DenseMatrix Inputs(int64_t tokens, int64_t n, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0, 1);
  DenseMatrix x{tokens, n, std::vector<float>(static_cast<size_t>(tokens * n))};
  std::vector<float> mix(static_cast<size_t>(8 * n));
  for (float& value : mix) value = normal(rng);
  for (int64_t t = 0; t < tokens; ++t) {
    float hidden[8];
    for (float& value : hidden) value = normal(rng);
    for (int64_t c = 0; c < n; ++c) {
      float value = 0.3f * normal(rng);
      for (int h = 0; h < 8; ++h) value += hidden[h] * mix[static_cast<size_t>(h * n + c)];
      x.row(t)[c] = ToFloat(ToBf16(value));  // so that the Hessian's rounding is none
    }
  }
  return x;
}

MatView<const float> View(const DenseMatrix& m) { return {m.values.data(), m.rows, m.cols}; }

Hessian HessianOf(const DenseMatrix& x, Isa isa, ThreadTeam& team) {
  Hessian h(x.cols, isa);
  h.Add(View(x), team);
  return h;
}

double OutputErrorByHand(const DenseMatrix& x, const DenseMatrix& w, const RoundedMatrix* rounded) {
  double total = 0;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t r = 0; r < w.rows; ++r) {
      double d = 0;
      for (int64_t c = 0; c < w.cols; ++c) {
        d += double{x.row(t)[c]} * (w.row(r)[c] - (rounded != nullptr ? rounded->value(r, c) : 0.0f));
      }
      total += d * d;
    }
  }
  return total;
}

TEST_CASE("the Hessian is the sum of all inputs' outer products, on every instruction set") {
  ThreadTeam team(2);
  const DenseMatrix x = Inputs(77, 96, 1);
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(std::string(Name(isa)));
    Hessian h(96, isa);
    h.Add(View(x).Rows(0, 40), team);
    h.Add(View(x).Rows(40, 37), team);
    CHECK(h.tokens() == 77);
    for (int64_t i = 0; i < 96; ++i) {
      for (int64_t j = 0; j < 96; ++j) {
        double want = 0;
        for (int64_t t = 0; t < 77; ++t) want += double{x.row(t)[i]} * x.row(t)[j];
        if (j > i) want = 0;
        REQUIRE(h.row(i)[j] == doctest::Approx(want).epsilon(1e-4).scale(77));
      }
    }
  }
}

TEST_CASE("the factor is upper triangular, and its product with itself inverts the damped Hessian") {
  ThreadTeam team(2);
  for (const int64_t n : {32, 96, 160, 320}) {  // below, between and above the blocks
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(n);
      CAPTURE(std::string(Name(isa)));
      const DenseMatrix x = Inputs(2 * n, n, 2);
      const Hessian h = HessianOf(x, isa, team);
      Hessian u = HessianOf(x, isa, team);
      InverseFactor(u, 0.01, isa, team);
      double mean = 0;
      for (int64_t i = 0; i < n; ++i) mean += h.row(i)[i] / static_cast<double>(n);
      const auto damped = [&](int64_t i, int64_t j) {
        return double{i >= j ? h.row(i)[j] : h.row(j)[i]} + (i == j ? 0.01 * mean : 0.0);
      };
      double worst = 0;
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < i; ++j) REQUIRE(u.row(i)[j] == 0);
        // Row i of U^T U H: the unit vector i.
        std::vector<double> inverse(static_cast<size_t>(n));
        for (int64_t k = 0; k <= i; ++k) {
          for (int64_t j = k; j < n; ++j) inverse[static_cast<size_t>(j)] += double{u.row(k)[i]} * u.row(k)[j];
        }
        for (int64_t j = 0; j < n; ++j) {
          double product = 0;
          for (int64_t k = 0; k < n; ++k) product += inverse[static_cast<size_t>(k)] * damped(k, j);
          worst = std::max(worst, std::abs(product - (i == j ? 1.0 : 0.0)));
        }
      }
      CHECK(worst < 0.02);  // float32, condition about 1e3
    }
  }
}

TEST_CASE("the error in the outputs is the one that the inputs give") {
  ThreadTeam team(2);
  const DenseMatrix x = Inputs(100, 96, 3), w = Inputs(20, 96, 4);
  const Hessian h = HessianOf(x, DetectIsa(), team);
  CHECK(OutputError(h, View(w), DetectIsa(), team) == doctest::Approx(OutputErrorByHand(x, w, nullptr)).epsilon(1e-3));
}

// GPTQ as its authors write it down, without blocks: one column after the other over H^-1's
// Cholesky factor, float64.
std::vector<double> PlainGptq(std::vector<double> w, const Hessian& factor, const RoundedMatrix& result, int64_t row) {
  const int64_t n = result.cols;
  std::vector<double> rounded(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) {
    const double scale = result.scales[static_cast<size_t>(row * (n / result.group) + j / result.group)];
    const double low = result.bits == Bits::kInt4 ? -8 : -127, high = result.bits == Bits::kInt4 ? 7 : 127;
    rounded[static_cast<size_t>(j)] = std::clamp(std::nearbyint(w[static_cast<size_t>(j)] / scale), low, high) * scale;
    const double error = (w[static_cast<size_t>(j)] - rounded[static_cast<size_t>(j)]) / factor.row(j)[j];
    for (int64_t c = j + 1; c < n; ++c) w[static_cast<size_t>(c)] -= error * factor.row(j)[c];
  }
  return rounded;
}

TEST_CASE("the blocked rounding is the plain one, up to values that sit between two steps") {
  ThreadTeam team(2);
  const int64_t n = 320;
  const DenseMatrix x = Inputs(3 * n, n, 5), w = Inputs(70, n, 6);
  Hessian factor = HessianOf(x, DetectIsa(), team);
  InverseFactor(factor, 0.01, DetectIsa(), team);
  for (const Bits bits : {Bits::kInt4, Bits::kInt8}) {
    for (const Isa isa : AvailableIsas()) {
      const RoundedMatrix rounded = RoundByGptq(w, factor, bits, isa, team);
      int64_t different = 0;
      for (int64_t r = 0; r < w.rows; ++r) {
        const auto want = PlainGptq({w.row(r), w.row(r) + n}, factor, rounded, r);
        for (int64_t c = 0; c < n; ++c) {
          different += std::abs(want[static_cast<size_t>(c)] - rounded.value(r, c)) > 1e-6 ? 1 : 0;
        }
      }
      // One value that falls to the other side moves those behind it; int8's steps are finer.
      CHECK(different < (bits == Bits::kInt4 ? 0.02 : 0.2) * static_cast<double>(w.rows * n));
    }
  }
}

TEST_CASE(
    "GPTQ leaves much less error in the outputs than rounding to nearest, though more in the "
    "weights") {
  ThreadTeam team(2);
  const DenseMatrix x = Inputs(600, 256, 7), w = Inputs(64, 256, 8);
  const Hessian h = HessianOf(x, DetectIsa(), team);
  for (const Bits bits : {Bits::kInt4, Bits::kInt8}) {
    Hessian factor = HessianOf(x, DetectIsa(), team);
    InverseFactor(factor, 0.01, DetectIsa(), team);
    const RoundedMatrix nearest = RoundToNearest(w, bits, team);
    const RoundedMatrix gptq = RoundByGptq(w, factor, bits, DetectIsa(), team);
    CHECK(OutputErrorByHand(x, w, &gptq) < 0.5 * OutputErrorByHand(x, w, &nearest));
    CHECK(RelativeOutputError(w, gptq, h, DetectIsa(), team) ==
          doctest::Approx(std::sqrt(OutputErrorByHand(x, w, &gptq) / OutputErrorByHand(x, w, nullptr))).epsilon(0.02));
    CHECK(RelativeError(w, gptq) > RelativeError(w, nearest));
    CHECK(RelativeError(w, nearest) < (bits == Bits::kInt4 ? 0.12 : 0.01));
  }
}

TEST_CASE("inputs that never come are no reason to fail; values that are not finite are") {
  ThreadTeam team(1);
  DenseMatrix x = Inputs(64, 64, 9);
  for (int64_t t = 0; t < x.rows; ++t) x.row(t)[5] = 0;
  const DenseMatrix w = Inputs(8, 64, 10);
  Hessian factor = HessianOf(x, DetectIsa(), team);
  InverseFactor(factor, 0.01, DetectIsa(), team);
  const RoundedMatrix rounded = RoundByGptq(w, factor, Bits::kInt4, DetectIsa(), team);
  CHECK(RelativeError(w, rounded) < 0.5);
  x.row(3)[7] = INFINITY;
  Hessian broken = HessianOf(x, DetectIsa(), team);
  CHECK_THROWS_AS(InverseFactor(broken, 0.01, DetectIsa(), team), std::runtime_error);
}

}  // namespace
}  // namespace puna::engine
