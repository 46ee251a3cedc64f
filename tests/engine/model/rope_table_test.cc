// Rope scalings against the formulas of their papers and of transformers' modeling_rope_utils.py, written out by number.
#include "engine/model/rope_table.h"

#include <doctest/doctest.h>

#include <cmath>

namespace puna::engine {
namespace {

constexpr int kHeadDim = 8;
constexpr double kTheta = 10000;

double Plain(int i) { return std::pow(kTheta, -2.0 * i / kHeadDim); }

TEST_CASE("linear divides every frequency, and a factor of 1 changes nothing") {
  RopeScaling scaling{.kind = RopeScaling::Kind::kLinear, .factor = 4};
  const auto divided = RopeInvFreq(kHeadDim, kTheta, scaling);
  scaling.factor = 1;
  const auto same = RopeInvFreq(kHeadDim, kTheta, scaling), plain = RopeInvFreq(kHeadDim, kTheta, std::nullopt);
  for (int i = 0; i < kHeadDim / 2; ++i) {
    CHECK(plain[i] == doctest::Approx(Plain(i)).epsilon(1e-14));
    CHECK(divided[i] == doctest::Approx(Plain(i) / 4).epsilon(1e-14));
    CHECK(same[i] == plain[i]);
  }
}

// Frequencies 1, 0.1, 0.01, 0.001 turn 651.9, 65.2, 6.52 and 0.652 times in 4096 positions. The bounds are at dimension
// 8 ln(4096 / (turns 2 pi)) / (2 ln 10000): 1.309 for 32 turns, 2.814 for one; in whole dimensions 1 and 3.
TEST_CASE("yarn leaves what turns often, divides what does not turn, and blends between") {
  RopeScaling scaling{.kind = RopeScaling::Kind::kYarn, .factor = 16, .original_max_position_embeddings = 4096};
  const auto whole = RopeInvFreq(kHeadDim, kTheta, scaling);
  CHECK(whole[0] == doctest::Approx(1).epsilon(1e-14));
  CHECK(whole[1] == doctest::Approx(0.1).epsilon(1e-14));
  CHECK(whole[2] == doctest::Approx(0.01 * (0.5 + 0.5 / 16)).epsilon(1e-14));
  CHECK(whole[3] == doctest::Approx(0.001 / 16).epsilon(1e-14));

  scaling.truncate = false;
  const double low = 8 * std::log(4096 / (32 * 2 * M_PI)) / (2 * std::log(10000.0));
  const double high = 8 * std::log(4096 / (2 * M_PI)) / (2 * std::log(10000.0));
  CHECK(low == doctest::Approx(1.309).epsilon(1e-3));
  CHECK(high == doctest::Approx(2.814).epsilon(1e-3));
  const auto fractional = RopeInvFreq(kHeadDim, kTheta, scaling);
  const double ramp = (2 - low) / (high - low);
  CHECK(fractional[1] == doctest::Approx(0.1).epsilon(1e-14));
  CHECK(fractional[2] == doctest::Approx(0.01 * (ramp / 16 + 1 - ramp)).epsilon(1e-12));
  CHECK(fractional[3] == doctest::Approx(0.001 / 16).epsilon(1e-14));
}

TEST_CASE("llama3 keeps short wavelengths, divides long ones and blends between") {
  const RopeScaling scaling{.kind = RopeScaling::Kind::kLlama3,
                            .factor = 8,
                            .low_freq_factor = 1,
                            .high_freq_factor = 4,
                            .original_max_position_embeddings = 1024};
  const auto scaled = RopeInvFreq(kHeadDim, kTheta, scaling);  // wavelengths 6.28, 62.8, 628, 6283; bounds 256 and 1024
  const double t = (1024 / (2 * M_PI / 0.01) - 1) / 3;
  CHECK(scaled[0] == doctest::Approx(1).epsilon(1e-14));
  CHECK(scaled[1] == doctest::Approx(0.1).epsilon(1e-14));
  CHECK(scaled[2] == doctest::Approx(0.01 * ((1 - t) / 8 + t)).epsilon(1e-12));
  CHECK(scaled[3] == doctest::Approx(0.001 / 8).epsilon(1e-14));
}

TEST_CASE("rows are cosines and sines of the angles, times yarn's factor") {
  RopeScaling scaling{.kind = RopeScaling::Kind::kYarn, .factor = 16, .original_max_position_embeddings = 4096};
  scaling.attention_factor = YarnAttentionFactor(16);
  CHECK(scaling.attention_factor == doctest::Approx(0.1 * std::log(16.0) + 1).epsilon(1e-14));
  RopeRows rows(kHeadDim, kTheta, scaling);
  rows.Resize(2);
  rows.SetRow(1, 5000);
  const auto frequencies = RopeInvFreq(kHeadDim, kTheta, scaling);
  for (int i = 0; i < kHeadDim / 2; ++i) {
    CHECK(rows.cos(1)[i] == doctest::Approx(scaling.attention_factor * std::cos(5000 * frequencies[i])).epsilon(1e-6));
    CHECK(rows.sin(1)[i] == doctest::Approx(scaling.attention_factor * std::sin(5000 * frequencies[i])).epsilon(1e-6));
  }
}

}  // namespace
}  // namespace puna::engine
