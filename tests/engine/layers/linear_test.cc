// Linear against a plain float64 product, for every weight format and instruction set, and each row's bits alone and in
// company: below and above the numbers of rows at which another kernel takes over.

#include "engine/layers/linear.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
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

// Random codes and scales of a form.
class GroupsSource : public WeightSource {
 public:
  GroupsSource(GroupForm form, int64_t rows, int64_t cols, std::vector<int32_t> order = {})
      : form_(form), rows_(rows), cols_(cols), order_(std::move(order)) {}
  std::string name() const override { return Name(form_); }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override { return Encoding::kFloat; }
  std::optional<GroupForm> groups() const override { return form_; }
  std::span<const int32_t> column_order() const override { return order_; }
  void ReadGroups(int64_t first, int64_t count, const GroupRows& out) const override {
    const bool two_level = form_.scale == GroupForm::Scale::kTwoLevel;
    const int64_t groups = cols_ / form_.group, scales = two_level ? cols_ / 256 : groups;
    for (int64_t r = 0; r < count; ++r) {
      std::mt19937 rng(static_cast<unsigned>(first + r));
      const auto below = [&](unsigned bound) { return static_cast<uint8_t>(rng() % bound); };
      for (int64_t i = 0; i < cols_; ++i) out.codes[r * cols_ + i] = below(1u << CodeBits(form_.code));
      for (int64_t g = 0; g < scales; ++g) {
        out.scales[r * scales + g] = static_cast<float>(1 + below(9)) / 4096.0f;
        if (out.minimums != nullptr) out.minimums[r * scales + g] = -static_cast<float>(below(9)) / 1024.0f;
      }
      for (int64_t g = 0; g < groups; ++g) {
        if (out.sub_scales != nullptr) out.sub_scales[r * groups + g] = static_cast<int8_t>(1 + below(63));
        if (out.sub_minimums != nullptr) out.sub_minimums[r * groups + g] = static_cast<int8_t>(below(64));
        if (out.zeros != nullptr) out.zeros[r * groups + g] = below(16);
      }
    }
  }
  void ReadFloat(int64_t, int64_t, float*) const override { FAIL("its codes are wanted"); }

 private:
  GroupForm form_;
  int64_t rows_, cols_;
  std::vector<int32_t> order_;
};

PackedWeight PackAll(const WeightForm& form, const WeightSource& source, ThreadTeam& team) {
  const auto row_of = [&](int64_t r) { return RowRef{&source, r}; };
  return Pack(form, source.rows(), source.cols(), row_of, team, DetectIsa());
}

// Rows of what is packed, one linear after the other.
std::vector<float> Rows(const Linear& linear) {
  std::vector<float> rows(static_cast<size_t>(linear.outputs() * linear.inputs()));
  float* out = rows.data();
  for (const PackedWeight& w : linear.weights()) {
    for (int64_t r = 0; r < w.outputs; ++r, out += w.inputs) w.ReadRow(r, out);
  }
  return rows;
}

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
              team, isa),
          isa};
}

std::vector<float> Product(const Linear& linear, const float* x, int64_t rows, Isa isa, ThreadTeam& team) {
  LinearInput input(linear.formats(), rows, kInputs, false, isa);
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

// --- Matrices of several forms in one layer.

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

constexpr int64_t kWide = 512;

// What a mix holds: every kind of form, with sizes that end in the middle of a panel.
Linear MakeMix(Isa isa, ThreadTeam& team) {
  const MatrixSource dense(70, kWide, 6);
  std::vector<PackedWeight> weights;
  for (const auto& [form, rows] : std::vector<std::pair<GroupForm, int64_t>>{
           {{Code::kInt4, 32, Scale::kTwoLevel, Base::kMinimum}, 100},
           {{Code::kInt6, 16, Scale::kTwoLevel, Base::kOffset}, 64},
           {{Code::kInt5, 64, Scale::kHalf, Base::kMinimum}, 33},
           {{Code::kInt8, 256, Scale::kFloat, Base::kOffset}, 65},  // the kernels repeat the scale
           {{Code::kInt4, 128, Scale::kHalf, Base::kZero}, 40}}) {
    const GroupsSource source(form, rows, kWide);
    weights.push_back(PackAll(WeightForm(*KernelForm(form, kWide)), source, team));
  }
  for (const WeightFormat format : kFormats) weights.push_back(PackAll(format, dense, team));
  return {std::move(weights), isa};
}

std::vector<float> WideRows(int64_t rows) {
  std::mt19937 rng(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(rows * kWide));
  for (float& v : x) v = normal(rng);
  return x;
}

TEST_CASE("a layer of several forms gives each its product") {
  constexpr int64_t kRows = 100;
  const std::vector<float> x = WideRows(kRows);
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(Name(isa));
    ThreadTeam team(2);
    const Linear linear = MakeMix(isa, team);
    const std::vector<float> w = Rows(linear);
    LinearInput input(linear.formats(), kRows, kWide, true, isa);
    input.Set({x.data(), kRows, kWide}, {}, team);
    std::vector<float> y(static_cast<size_t>(kRows * linear.outputs()), NAN);
    linear.Forward(input, {LinearOutput::Kind::kStore, {y.data(), kRows, linear.outputs()}}, team);
    for (int64_t n = 0; n < linear.outputs(); ++n) {
      double error = 0, size = 0;
      for (int64_t r = 0; r < kRows; ++r) {
        double sum = 0;
        for (int64_t i = 0; i < kWide; ++i) sum += static_cast<double>(x[r * kWide + i]) * w[n * kWide + i];
        error += std::pow(sum - y[r * linear.outputs() + n], 2);
        size += sum * sum;
      }
      CAPTURE(n);
      REQUIRE(std::sqrt(error / size) < 0.02);
    }
    std::vector<float> one(static_cast<size_t>(linear.outputs()));
    for (const int64_t r : {int64_t{0}, int64_t{57}}) {  // and the same bits alone
      input.Set({x.data() + r * kWide, 1, kWide}, {}, team);
      linear.Forward(input, {LinearOutput::Kind::kStore, {one.data(), 1, linear.outputs()}}, team);
      CHECK(std::memcmp(one.data(), y.data() + r * linear.outputs(), one.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("act-order: columns in an order of their own give the product that they give in order, to the bit") {
  constexpr int64_t kRows = 13;
  const GroupForm form{Code::kInt4, 128, Scale::kHalf, Base::kZero};
  std::vector<int32_t> order(kWide);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  const GroupsSource plain(form, kOutputs, kWide), shuffled(form, kOutputs, kWide, order);
  const std::vector<float> x = WideRows(kRows);
  std::vector<float> in_order(x.size());
  for (size_t i = 0; i < x.size(); ++i) in_order[i] = x[i / kWide * kWide + order[i % kWide]];
  for (const Isa isa : AvailableIsas()) {
    ThreadTeam team(2);
    const Linear a(PackAll(WeightForm(form), plain, team), isa),
        b(PackAll(WeightForm(form, true), shuffled, team), isa);
    REQUIRE(b.orders().size() == 1);
    REQUIRE(std::ranges::equal(b.orders().front(), order));
    LinearInput input(a.formats(), kRows, kWide, false, isa);
    std::vector<float> want(kRows * kOutputs), got(want.size());
    input.Set({in_order.data(), kRows, kWide}, {}, team);
    a.Forward(input, {LinearOutput::Kind::kStore, {want.data(), kRows, kOutputs}}, team);
    input.Set({x.data(), kRows, kWide}, {}, team, kAllFormats, b.orders());
    b.Forward(input, {LinearOutput::Kind::kStore, {got.data(), kRows, kOutputs}}, team);
    CHECK(want == got);
    CHECK_THROWS(a.Forward(input, {LinearOutput::Kind::kStore, {want.data(), kRows, kOutputs}}, team));
    input.Set({x.data(), kRows, kWide}, {}, team);
    CHECK_THROWS(b.Forward(input, {LinearOutput::Kind::kStore, {got.data(), kRows, kOutputs}}, team));
    std::vector<float> row(kWide), shuffled_row(kWide);
    a.weights().front().ReadRow(7, row.data());
    b.weights().front().ReadRow(7, shuffled_row.data());
    for (int64_t i = 0; i < kWide; ++i) REQUIRE(row[i] == shuffled_row[order[i]]);
  }
}

TEST_CASE("act-order: matrices that share an input have an order each") {
  constexpr int64_t kRows = 5;
  const GroupForm form{Code::kInt4, 32, Scale::kHalf, Base::kOffset};
  std::vector<int32_t> order(kWide), other;
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  other = order;
  std::shuffle(other.begin(), other.end(), std::mt19937(4));
  const GroupsSource sources[] = {
      {form, 70, kWide, order}, {form, 70, kWide}, {form, 70, kWide, other}, {form, 70, kWide, order}};
  const std::vector<float> x = WideRows(kRows);
  for (const Isa isa : AvailableIsas()) {
    ThreadTeam team(2);
    std::vector<PackedWeight> weights;
    for (const GroupsSource& source : sources) {
      weights.push_back(PackAll(WeightForm(form, !source.column_order().empty()), source, team));
    }
    const Linear all(weights, isa);
    REQUIRE(all.orders().size() == 3);
    LinearInput input(all.formats(), kRows, kWide, false, isa, 3);
    std::vector<float> together(kRows * 280), alone(kRows * 70);
    input.Set({x.data(), kRows, kWide}, {}, team, kAllFormats, all.orders());
    all.Forward(input, {LinearOutput::Kind::kStore, {together.data(), kRows, 280}}, team);
    for (int64_t part = 0; part < 4; ++part) {
      const Linear one(weights[static_cast<size_t>(part)], isa);
      input.Set({x.data(), kRows, kWide}, {}, team, kAllFormats, one.orders());
      one.Forward(input, {LinearOutput::Kind::kStore, {alone.data(), kRows, 70}}, team);
      for (int64_t i = 0; i < kRows * 70; ++i) REQUIRE(alone[i] == together[i / 70 * 280 + part * 70 + i % 70]);
    }
  }
}

TEST_CASE("gate and up of different forms meet as well") {
  constexpr int64_t kRows = 101, kOutputsOfEach = 150;
  const std::vector<float> x = WideRows(kRows);
  const MatrixSource dense(kOutputsOfEach, kWide, 8);
  const GroupForm form{Code::kInt4, 32, Scale::kTwoLevel, Base::kMinimum};
  const GroupsSource groups(form, kOutputsOfEach, kWide);
  for (const Isa isa : AvailableIsas()) {
    ThreadTeam team(2);
    const Linear gate(PackAll(WeightFormat::kW8A8, dense, team), isa), up(PackAll(WeightForm(form), groups, team), isa);
    const Linear both({gate.weights().front(), up.weights().front()}, isa);
    LinearInput input(both.formats(), kRows, kWide, false, isa);
    input.Set({x.data(), kRows, kWide}, {}, team);
    std::vector<float> y(kRows * kOutputsOfEach), g(y.size()), u(y.size());
    const auto view = [&](std::vector<float>& v) { return MatView<float>(v.data(), kRows, kOutputsOfEach); };
    both.Forward(input, {LinearOutput::Kind::kSiluMul, view(y)}, team);
    gate.Forward(input, {LinearOutput::Kind::kStore, view(g)}, team);
    up.Forward(input, {LinearOutput::Kind::kStore, view(u)}, team);
    for (size_t i = 0; i < y.size(); ++i) {
      REQUIRE(y[i] == doctest::Approx(g[i] / (1 + std::exp(-g[i])) * u[i]).epsilon(1e-5));
    }
  }
}

}  // namespace
}  // namespace puna::engine
