// Hidden states behind the final norm against the golden micro models, beside rows of logits of the same step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/llama.h"
#include "tests/support/npy.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

TEST_CASE("hidden states meet the goldens, whichever rows are wanted") {
  if (!testing::HaveShared("golden/models")) return;
  for (const std::string name : {"a", "b", "c"}) {
    CAPTURE(name);
    const std::string folder = testing::SharedPath("golden/models/") + name;
    const auto facts = nlohmann::json::parse(std::ifstream(folder + "/golden/golden.json"));
    const auto ids = facts["prompts"]["p7"]["ids"].get<std::vector<TokenId>>();
    const auto golden = testing::ReadNpy<float>(folder + "/golden/p7.hidden.npy");  // [layers + 2, 7, hidden]
    const auto count = static_cast<int32_t>(ids.size());
    const int64_t width = golden.shape[2];
    const float* final_norm = golden.data.data() + (golden.shape[0] - 1) * count * width;
    const auto model = LoadLlama(OpenCheckpoint(folder), {WeightFormat::kBf16, DetectIsa(), 2, 64}, {});
    CHECK(model->hidden_size() == width);
    model->AllocateKvCache(4);
    const std::vector<BlockId> table = {2};
    const SequenceChunk sequence{0, count, 0, table};
    const auto all = model->Forward({ids, {&sequence, 1}, std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}});
    const std::vector<float> logits(all.data, all.data + all.rows * all.cols);
    using Rows = std::vector<int32_t>;
    for (const auto& [logits_rows, hidden_rows] : std::vector<std::pair<Rows, Rows>>{
             {{6}, {0, 1, 2, 3, 4, 5, 6}}, {{0, 3}, {2, 3, 5}}, {{}, {1, 6}}, {{2, 4}, {}}}) {
      const auto got = model->Forward({ids, {&sequence, 1}, logits_rows, hidden_rows});
      REQUIRE(got.rows == static_cast<int64_t>(logits_rows.size()));
      for (size_t r = 0; r < logits_rows.size(); ++r)
        CHECK(std::equal(got.row(r), got.row(r) + got.cols, logits.begin() + logits_rows[r] * got.cols));
      const auto hidden = model->HiddenStates();
      REQUIRE(hidden.rows == static_cast<int64_t>(hidden_rows.size()));
      for (size_t r = 0; r < hidden_rows.size(); ++r) {
        const float* expected = final_norm + hidden_rows[r] * width;
        double error = 0, size = 0;
        for (int64_t i = 0; i < width; ++i) {
          error += std::pow(hidden.row(r)[i] - expected[i], 2);
          size += std::pow(expected[i], 2);
        }
        CHECK(std::sqrt(error / size) < 0.02);  // bf16 activations: 8 bits of precision, through two layers
      }
    }
  }
}

}  // namespace
}  // namespace puna::engine
