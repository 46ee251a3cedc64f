// Reads a checkpoint's weights and compares them with golden.json's dequantised_weights.
#pragma once

#include <cmath>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/support/shared_data.h"

namespace puna::engine::testing {

inline nlohmann::json ReadJsonFile(const std::string& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

// The linear with this Hugging Face name ("model.layers.0.self_attn.q_proj").
inline const LinearSource& LinearNamed(const Checkpoint& checkpoint, const std::string& name) {
  const std::string rest = name.substr(std::string("model.layers.").size());
  const LayerSource& layer = checkpoint.layers.at(static_cast<size_t>(std::stoi(rest)));
  const std::string last = rest.substr(rest.rfind('.') + 1);
  if (last == "q_proj") return layer.q_proj;
  if (last == "k_proj") return layer.k_proj;
  if (last == "v_proj") return layer.v_proj;
  if (last == "o_proj") return layer.o_proj;
  if (last == "gate_proj") return layer.gate_proj;
  if (last == "up_proj") return layer.up_proj;
  REQUIRE(last == "down_proj");
  return layer.down_proj;
}

inline const WeightSource& MatrixNamed(const Checkpoint& checkpoint, const std::string& name) {
  if (name == "model.embed_tokens") return *checkpoint.embed_tokens;
  if (name == "lm_head") return *checkpoint.lm_head;
  return *LinearNamed(checkpoint, name).weight;
}

// Rows are read in uneven pieces, so that reading from the middle is seen too.
inline std::vector<float> ReadAll(const WeightSource& source) {
  std::vector<float> values(static_cast<size_t>(source.rows() * source.cols()));
  int64_t piece = 1;
  for (int64_t row = 0; row < source.rows(); row += piece, piece = piece * 2 + 1) {
    piece = std::min(piece, source.rows() - row);
    source.ReadFloat(row, piece, values.data() + row * source.cols());
  }
  return values;
}

// What ReadGroups gives, multiplied out here from the form's own words (engine/kernels/group_form.h).
inline std::vector<float> ReadAllGroups(const WeightSource& source) {
  const GroupForm form = source.groups().value();
  const bool two_levels = form.scale == GroupForm::Scale::kTwoLevel;
  const auto rows = static_cast<size_t>(source.rows()), cols = static_cast<size_t>(source.cols());
  const size_t group = static_cast<size_t>(form.group), groups = cols / group,
               scales_per_row = two_levels ? cols / 256 : groups;
  std::vector<uint8_t> codes(rows * cols), zeros(rows * groups);
  std::vector<float> scales(rows * scales_per_row), minimums(scales.size()), values(codes.size());
  std::vector<int8_t> sub_scales(zeros.size(), 1), sub_minimums(zeros.size(), 1);
  source.ReadGroups(
      0, source.rows(),
      {codes.data(), scales.data(), minimums.data(), sub_scales.data(), sub_minimums.data(), zeros.data()});
  const std::span<const int32_t> order = source.column_order();
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t row = i / cols, c = i % cols, g = row * groups + c / group;
    const size_t s = two_levels ? row * scales_per_row + c / 256 : g;
    float number = codes[i];
    if (form.base == GroupForm::Base::kOffset) number -= static_cast<float>(CodeOffset(form.code));
    if (form.base == GroupForm::Base::kZero) number -= zeros[g];
    if (form.code == GroupForm::Code::kIq4) number = kIq4Table[codes[i]];
    if (form.code == GroupForm::Code::kNf4) number = kNf4Table[codes[i]];
    if (form.code == GroupForm::Code::kE4M3) {
      const int exponent = codes[i] >> 3 & 15, mantissa = codes[i] & 7;
      const double value = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
      number = static_cast<float>(codes[i] & 128 ? -value : value);
    }
    const float scale = scales[s] * static_cast<float>(sub_scales[g]);
    const float minimum =
        form.base == GroupForm::Base::kMinimum ? minimums[s] * static_cast<float>(sub_minimums[g]) : 0;
    values[row * cols + (order.empty() ? c : static_cast<size_t>(order[c]))] = scale * number + minimum;
  }
  return values;
}

// What ReadCodes gives, times its scales.
inline std::vector<float> ReadAllCodes(const WeightSource& source) {
  const int64_t groups = source.cols() / source.group_size();
  std::vector<int8_t> codes(static_cast<size_t>(source.rows() * source.cols()));
  std::vector<float> scales(static_cast<size_t>(source.rows() * groups));
  source.ReadCodes(0, source.rows(), codes.data(), scales.data());
  std::vector<float> values(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    values[i] = static_cast<float>(codes[i]) * scales[i / static_cast<size_t>(source.group_size())];
  }
  return values;
}

// The golden figures have seven to nine digits; their README's tolerance.
inline bool Close(double found, double expected) {
  return std::abs(found - expected) <= 1e-6 * std::abs(expected) + 1e-7 * std::max(1.0, std::abs(expected));
}

inline void CheckWeight(const WeightSource& source, const nlohmann::json& golden) {
  const std::vector<float> w = ReadAll(source);
  REQUIRE(source.rows() == golden["shape"][0].get<int64_t>());
  REQUIRE(source.cols() == golden["shape"][1].get<int64_t>());
  double sum = 0, squares = 0;
  for (const float x : w) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  CHECK_MESSAGE(Close(sum, golden["sum"]), source.name() << " sum " << sum << " expected " << golden["sum"]);
  CHECK_MESSAGE(Close(squares, golden["sum_of_squares"]), source.name() << " squares " << squares);
  const std::vector<float> first = golden["first_row"], last = golden["last_row"];
  for (size_t i = 0; i < first.size(); ++i) CHECK_MESSAGE(Close(w[i], first[i]), source.name() << " first row " << i);
  for (size_t i = 0; i < last.size(); ++i) {
    CHECK_MESSAGE(Close(w[w.size() - last.size() + i], last[i]), source.name() << " last row " << i);
  }
}

// All linears of golden/formats/FORMAT against its golden.json. Returns false when it is not there.
inline bool CheckFormat(const std::string& folder, const std::string& model,
                        std::optional<WeightSource::Encoding> encoding = std::nullopt) {
  if (!puna::testing::HaveShared(folder)) return false;
  const Checkpoint checkpoint = OpenCheckpoint(puna::testing::SharedPath(model));
  const nlohmann::json golden = ReadJsonFile(puna::testing::SharedPath(folder + "/golden/golden.json"));
  REQUIRE(golden["dequantised_weights"].size() >= checkpoint.layers.size() * 7);
  for (const auto& [name, weight] : golden["dequantised_weights"].items()) {
    const WeightSource& source = MatrixNamed(checkpoint, name);
    if (encoding && name.find("layers") != std::string::npos) CHECK(source.encoding() == *encoding);
    CheckWeight(source, weight);
    if (source.groups()) CHECK(ReadAllGroups(source) == ReadAll(source));
    if (source.encoding() == WeightSource::Encoding::kInt4 || source.encoding() == WeightSource::Encoding::kInt8) {
      CHECK(ReadAllCodes(source) == ReadAll(source));
    }
    source.Release();
    CheckWeight(source, weight);  // still readable
  }
  return true;
}

}  // namespace puna::engine::testing
