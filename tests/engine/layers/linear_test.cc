// Linear against a plain float64 product, for every weight format and instruction set, and each row's bits alone and in
// company: below and above the numbers of rows at which another kernel takes over.

#include "engine/layers/linear.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace puna::engine {
namespace {

// A matrix of bf16 values in memory.
class MatrixSource : public WeightSource {
 public:
  MatrixSource(int64_t rows, int64_t cols, unsigned seed) : rows_(rows), cols_(cols), values_(rows * cols) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal(0, 0.05f);
    for (bf16& x : values_) x = ToBf16(normal(rng));
  }
  std::string name() const override { return "matrix"; }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override { return Encoding::kBf16; }
  void ReadBf16(int64_t first, int64_t count, bf16* out) const override {
    std::copy_n(values_.data() + first * cols_, count * cols_, out);
  }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    for (int64_t i = 0; i < count * cols_; ++i) out[i] = ToFloat(values_[first * cols_ + i]);
  }

 private:
  int64_t rows_, cols_;
  std::vector<bf16> values_;
};

constexpr int64_t kOutputs = 200;  // not a whole number of panels
constexpr int64_t kInputs = 320;
constexpr WeightFormat kFormats[] = {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8};

std::vector<float> RandomRows(int64_t rows) {
  std::mt19937 rng(5);
  std::normal_distribution<float> normal;
  std::vector<float> x(rows * kInputs);
  for (float& v : x) v = normal(rng);
  return x;
}

Linear MakeLinear(WeightFormat format, const MatrixSource& source, Isa isa, ThreadTeam& team) {
  return {Pack(
              format, kOutputs, kInputs,
              [&](int64_t r) {
                return RowRef{&source, r};
              },
              team),
          isa};
}

std::vector<float> Product(const Linear& linear, const float* x, int64_t rows, Isa isa, ThreadTeam& team) {
  LinearInput input(linear.weight().format, rows, kInputs, false, isa);
  input.Set({x, rows, kInputs}, {}, team);
  std::vector<float> y(rows * kOutputs);
  linear.Forward(input, {LinearOutput::Kind::kStore, {y.data(), rows, kOutputs}}, team);
  return y;
}

TEST_CASE("a linear layer gives the product, within what its format rounds") {
  const MatrixSource source(kOutputs, kInputs, 3);
  const int64_t rows = 130;
  const std::vector<float> x = RandomRows(rows);
  std::vector<float> w(kOutputs * kInputs);
  source.ReadFloat(0, kOutputs, w.data());
  for (const WeightFormat format : kFormats) {
    const double limit = format == WeightFormat::kBf16 ? 0.004 : format == WeightFormat::kW8A8 ? 0.012 : 0.11;
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(Name(format));
      CAPTURE(Name(isa));
      ThreadTeam team(2);
      const std::vector<float> y = Product(MakeLinear(format, source, isa, team), x.data(), rows, isa, team);
      double error = 0, size = 0;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t n = 0; n < kOutputs; ++n) {
          double sum = 0;
          for (int64_t i = 0; i < kInputs; ++i) sum += static_cast<double>(x[r * kInputs + i]) * w[n * kInputs + i];
          error += std::pow(sum - y[r * kOutputs + n], 2);
          size += sum * sum;
        }
      }
      CHECK(std::sqrt(error / size) < limit);
    }
  }
}

TEST_CASE("a row's result is the same to the last bit whatever the number of rows and threads") {
  const MatrixSource source(kOutputs, kInputs, 4);
  const std::vector<float> x = RandomRows(230);
  for (const WeightFormat format : kFormats) {
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(Name(format));
      CAPTURE(Name(isa));
      ThreadTeam one(1), two(2);
      const Linear linear = MakeLinear(format, source, isa, two);
      const std::vector<float> all = Product(linear, x.data(), 230, isa, two);
      for (const int64_t rows : {1, 2, 7, 31, 32, 33, 63, 96, 97, 128, 200}) {
        CAPTURE(rows);
        const std::vector<float> some = Product(linear, x.data(), rows, isa, one);
        CHECK(std::memcmp(some.data(), all.data(), some.size() * sizeof(float)) == 0);
      }
    }
  }
}

}  // namespace
}  // namespace puna::engine
