// Rotations are orthogonal, and folding them changes no product; each against a plain reference.
#include "engine/layers/rotation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "engine/quantize/fold.h"
#include "tests/support/npy.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

DenseMatrix Random(int64_t rows, int64_t cols, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0, 1);
  DenseMatrix w{rows, cols, {}};
  for (int64_t i = 0; i < rows * cols; ++i) w.values.push_back(normal(rng));
  return w;
}

// y = W x, in float64.
std::vector<double> Times(const DenseMatrix& w, const std::vector<double>& x) {
  std::vector<double> y(static_cast<size_t>(w.rows));
  for (int64_t r = 0; r < w.rows; ++r) {
    for (int64_t c = 0; c < w.cols; ++c) y[static_cast<size_t>(r)] += double{w.row(r)[c]} * x[static_cast<size_t>(c)];
  }
  return y;
}

double Apart(const std::vector<double>& a, const std::vector<double>& b) {
  double apart = 0;
  for (size_t i = 0; i < a.size(); ++i) apart = std::max(apart, std::abs(a[i] - b[i]));
  return apart;
}

std::vector<double> RandomVector(int64_t n, unsigned seed) {
  const DenseMatrix m = Random(1, n, seed);
  return {m.values.begin(), m.values.end()};
}

TEST_CASE(
    "a rotation keeps lengths and angles, spreads one value over all, and is undone by its "
    "inverse") {
  for (const int64_t n : {1, 2, 12, 24, 20, 40, 64, 96, 256, 384, 3072}) {
    CAPTURE(n);
    REQUIRE(Rotation::Exists(n));
    const Rotation rotation(n, 7);
    const std::vector<double> x = RandomVector(n, 1), y = RandomVector(n, 2);
    std::vector<double> rx = x, ry = y, one(static_cast<size_t>(n), 0.0);
    rotation.Apply(rx.data());
    rotation.Apply(ry.data());
    double before = 0, after = 0;
    for (size_t i = 0; i < x.size(); ++i) before += x[i] * y[i], after += rx[i] * ry[i];
    CHECK(after == doctest::Approx(before));
    one[static_cast<size_t>(n / 3)] = 1;
    rotation.Apply(one.data());
    for (const double value : one) CHECK(std::abs(value) == doctest::Approx(1 / std::sqrt(static_cast<double>(n))));
    rotation.ApplyInverse(rx.data());
    CHECK(Apart(rx, x) < 1e-12 * static_cast<double>(n));
  }
}

TEST_CASE("sizes without a known matrix are refused") {
  for (const int64_t n : {3, 7, 100 * 7, 92 * 3}) CHECK_FALSE(Rotation::Exists(n));
  CHECK_THROWS_AS(Rotation(7, 1), std::runtime_error);
}

TEST_CASE("the seed decides the signs") {
  std::vector<double> a(64, 0.0), b(64, 0.0), c(64, 0.0);
  a[0] = b[0] = c[0] = a[1] = b[1] = c[1] = 1;
  Rotation(64, 1).Apply(a.data());
  Rotation(64, 1).Apply(b.data());
  CHECK(a == b);
  int different = 0;
  for (uint64_t seed = 2; seed < 10; ++seed) {
    std::vector<double> other = c;
    Rotation(64, seed).Apply(other.data());
    different += other != a ? 1 : 0;
  }
  CHECK(different > 0);
}

TEST_CASE("rotated inputs through rotated weights give the same outputs; rotated outputs rotate back") {
  ThreadTeam team(2);
  const DenseMatrix w = Random(96, 48, 3);
  const std::vector<double> x = RandomVector(48, 4);
  const std::vector<double> y = Times(w, x);

  const Rotation inputs(24, 5);  // two blocks of 24
  DenseMatrix turned = w;
  RotateInputs(turned, inputs, team);
  std::vector<double> rx = x;
  for (int block = 0; block < 2; ++block) inputs.Apply(rx.data() + block * 24);
  CHECK(Apart(Times(turned, rx), y) < 1e-5);

  const Rotation outputs(32, 6);  // three blocks of 32
  turned = w;
  RotateOutputs(turned, outputs, team);
  std::vector<double> ry = Times(turned, x);
  for (int block = 0; block < 3; ++block) outputs.ApplyInverse(ry.data() + block * 32);
  CHECK(Apart(ry, y) < 1e-5);

  turned = w;
  const std::vector<float> gain(48, 3.0f);
  FoldGain(turned, gain, team);
  std::vector<double> third = x;
  for (double& value : third) value /= 3;
  CHECK(Apart(Times(turned, third), y) < 1e-5);
}

TEST_CASE("the folded Hadamard matrix is the one that the model applies while it runs") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const auto x = testing::ReadNpy<float>(testing::SharedPath("golden/models/ops/hadamard.2x256.x.npy"));
  const auto y = testing::ReadNpy<float>(testing::SharedPath("golden/models/ops/hadamard.2x256.y.npy"));
  ThreadTeam team(1);
  DenseMatrix w{2, 256, x.data};
  FoldHadamard(w, team);
  for (size_t i = 0; i < w.values.size(); ++i) CHECK(w.values[i] == doctest::Approx(y.data[i]).epsilon(1e-5));
}

}  // namespace
}  // namespace puna::engine
