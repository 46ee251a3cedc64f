// Whole checkpoints: what is written is read back as the same model, rotations change nothing but
// the rounding, and a run that was interrupted goes on.
#include "engine/quantize/quantize_checkpoint.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/support/llama_runner.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

namespace puna::engine {
namespace {

using testing::TemporaryFolder;

testing::TinyModel Shape(bool tied = true) {
  testing::TinyModel shape;
  shape.hidden = 96;  // 12 * 8
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 32;
  shape.ffn = 128;
  shape.tied = tied;
  return shape;
}

QuantizeOptions Options(Bits bits, const Rotations& rotations = {}) {
  QuantizeOptions options;
  options.bits = bits;
  options.rotations = rotations;
  options.isa = DetectIsa();
  options.threads = 2;
  return options;
}

constexpr Rotations kAll = {1, 1000, true};

std::vector<TokenId> Text(int n, int salt = 0) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 37 + i * i * 11 + salt) % 300);
  return ids;
}

std::vector<std::vector<float>> LogitsOf(const std::string& folder, std::optional<WeightFormat> format) {
  Runner runner(folder, {format, DetectIsa(), 2, 64});
  runner.Start();
  return runner.Feed(Text(60));
}

double MeanKl(const std::vector<std::vector<float>>& reference, const std::vector<std::vector<float>>& other) {
  double kl = 0;
  for (size_t r = 0; r < reference.size(); ++r) {
    const std::vector<float> p = LogSoftmax(reference[r]), q = LogSoftmax(other[r]);
    for (size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i]) * (p[i] - q[i]) / static_cast<double>(reference.size());
  }
  return kl;
}

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST_CASE(
    "without rotation the written model is the one that --weights makes while loading, to the "
    "bit") {
  for (const bool tied : {true, false}) {
    const TemporaryFolder source(testing::TinyCheckpointFiles(Shape(tied)));
    for (const auto& [bits, format] :
         {std::pair(Bits::kInt8, WeightFormat::kW8A8), std::pair(Bits::kInt4, WeightFormat::kW4A8)}) {
      const TemporaryFolder out;
      const QuantizeResult result = QuantizeCheckpoint(OpenCheckpoint(source.path()), out.path(), Options(bits), {});
      CHECK(result.layers.size() == 2);
      CHECK(result.layers[1][6].weights > 0);
      CHECK(result.layers[1][6].weights < (bits == Bits::kInt4 ? 0.15 : 0.01));
      CHECK(LogitsOf(out.path(), std::nullopt) == LogitsOf(source.path(), format));
    }
  }
}

TEST_CASE("rotations leave the function as it is, up to rounding: every one alone, tied and not") {
  for (const bool tied : {true, false}) {
    const TemporaryFolder source(testing::TinyCheckpointFiles(Shape(tied)));
    const auto exact = LogitsOf(source.path(), WeightFormat::kBf16);
    const TemporaryFolder plain;
    QuantizeCheckpoint(OpenCheckpoint(source.path()), plain.path(), Options(Bits::kInt8), {});
    const double plain_kl = MeanKl(exact, LogitsOf(plain.path(), std::nullopt));
    for (const Rotations& rotations :
         {Rotations{1, {}, false}, Rotations{{}, 1000, false}, Rotations{{}, {}, true}, kAll}) {
      CAPTURE(tied);
      CAPTURE(rotations.residual_seed.has_value());
      CAPTURE(rotations.down_proj);
      const TemporaryFolder out;
      QuantizeCheckpoint(OpenCheckpoint(source.path()), out.path(), Options(Bits::kInt8, rotations), {});
      const Checkpoint back = OpenCheckpoint(out.path());
      CHECK(back.online_hadamard_down_proj == rotations.down_proj);
      CHECK(back.residual_rotation_seed.has_value() == (tied && rotations.residual_seed.has_value()));
      CHECK(MeanKl(exact, LogitsOf(out.path(), std::nullopt)) < 3 * plain_kl + 1e-3);
    }
  }
}

TEST_CASE("rotations that the sizes do not allow are left out") {
  ModelConfig config;
  config.hidden_size = 36;
  config.head_dim = 64;
  config.intermediate_size = 192;
  const Rotations allowed = AllowedRotations(config, kAll);
  CHECK_FALSE(allowed.residual_seed.has_value());
  CHECK(allowed.value_seed.has_value());
  CHECK_FALSE(allowed.down_proj);
}

TEST_CASE(
    "calibrated rounding keeps the outputs better than rounding to nearest, with and without "
    "rotation") {
  const TemporaryFolder source(testing::TinyCheckpointFiles(Shape()));
  for (const Rotations& rotations : {Rotations{}, kAll}) {
    QuantizeOptions options = Options(Bits::kInt4, rotations);
    const TemporaryFolder nearest, gptq;
    QuantizeCheckpoint(OpenCheckpoint(source.path()), nearest.path(), options, {});
    for (int s = 0; s < 8; ++s) options.calibration.push_back(Text(100, 7 * s));
    const QuantizeResult result = QuantizeCheckpoint(OpenCheckpoint(source.path()), gptq.path(), options, {});
    REQUIRE(result.layers[0][0].outputs.has_value());
    CHECK(*result.layers[0][0].outputs < result.layers[0][0].weights);
    const auto exact = LogitsOf(source.path(), WeightFormat::kBf16);
    CHECK(MeanKl(exact, LogitsOf(gptq.path(), std::nullopt)) < MeanKl(exact, LogitsOf(nearest.path(), std::nullopt)));
  }
}

TEST_CASE(
    "a run that was interrupted goes on with the layers that are missing, and ends with the same "
    "files") {
  const TemporaryFolder source(testing::TinyCheckpointFiles(Shape()));
  QuantizeOptions options = Options(Bits::kInt4, kAll);
  options.calibration = {Text(90), Text(80, 5)};
  const TemporaryFolder whole, halved;
  QuantizeCheckpoint(OpenCheckpoint(source.path()), whole.path(), options, {});
  const auto stop = [](double share, const std::string&) {
    if (share > 0.2) throw std::runtime_error("interrupted");
  };
  CHECK_THROWS(QuantizeCheckpoint(OpenCheckpoint(source.path()), halved.path(), options, stop));
  CHECK_FALSE(std::filesystem::exists(halved.path() + "/config.json"));
  const QuantizeResult result = QuantizeCheckpoint(OpenCheckpoint(source.path()), halved.path(), options, {});
  CHECK(result.layers_found == 1);
  CHECK(result.layers.size() == 2);
  CHECK(result.layers[0][0].outputs.has_value());
  for (const auto& entry : std::filesystem::directory_iterator(whole.path())) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    CHECK(ReadFile(halved.path() + "/" + name) == ReadFile(entry.path().string()));
  }
}

TEST_CASE("layers of another model or other settings are not taken for finished ones") {
  const TemporaryFolder source(testing::TinyCheckpointFiles(Shape()));
  const TemporaryFolder out;
  QuantizeCheckpoint(OpenCheckpoint(source.path()), out.path(), Options(Bits::kInt4), {});
  const std::string other = testing::MessageOf(
      [&] { QuantizeCheckpoint(OpenCheckpoint(source.path()), out.path(), Options(Bits::kInt4, kAll), {}); });
  CHECK(testing::IsFaultMessage(other));
  const TemporaryFolder another({{"config.json", testing::TinyConfigJson(Shape())},
                                 {"model.safetensors", testing::SafetensorsBytes(testing::TinyTensors(Shape(), 2))}});
  CHECK(testing::IsFaultMessage(testing::MessageOf(
      [&] { QuantizeCheckpoint(OpenCheckpoint(another.path()), out.path(), Options(Bits::kInt4), {}); })));
}

TEST_CASE("what is rotated already, or does not fit groups of 32, is refused") {
  const TemporaryFolder source(testing::TinyCheckpointFiles(Shape()));
  const TemporaryFolder rotated, again;
  QuantizeCheckpoint(OpenCheckpoint(source.path()), rotated.path(), Options(Bits::kInt8, kAll), {});
  CHECK(testing::IsFaultMessage(testing::MessageOf(
      [&] { QuantizeCheckpoint(OpenCheckpoint(rotated.path()), again.path(), Options(Bits::kInt4), {}); })));
  testing::TinyModel odd = Shape();
  odd.ffn = 100;
  const TemporaryFolder odd_source(testing::TinyCheckpointFiles(odd));
  CHECK(testing::IsFaultMessage(testing::MessageOf(
      [&] { QuantizeCheckpoint(OpenCheckpoint(odd_source.path()), again.path(), Options(Bits::kInt4), {}); })));
}

}  // namespace
}  // namespace puna::engine
