// Hugging Face checkpoints against the goldens: plain, and in each quantised format.
#include <doctest/doctest.h>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/npy.h"

using namespace puna::engine;
using puna::engine::testing::CheckFormat;
using puna::testing::HaveShared;
using puna::testing::SharedPath;
using Encoding = WeightSource::Encoding;

namespace {

bool CheckHf(const std::string& name, Encoding encoding) {
  return CheckFormat("golden/formats/" + name, "golden/formats/" + name, encoding);
}

}  // namespace

TEST_CASE("compressed-tensors W8A8 is read as int8 codes with a scale per row") {
  if (!CheckHf("ct_w8a8", Encoding::kInt8)) return;
  const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/formats/ct_w8a8"));
  CHECK(checkpoint.activation_rule == Checkpoint::ActivationRule::kSymmetric);
  CHECK(checkpoint.layers[0].q_proj.weight->group_size() == 256);
  CHECK(checkpoint.embed_tokens->encoding() == Encoding::kBf16);
  CHECK(checkpoint.lm_head == nullptr);
  CHECK_FALSE(checkpoint.online_hadamard_down_proj);
}

TEST_CASE("compressed-tensors W4A16 is read as int4 codes in groups") {
  if (!CheckHf("ct_w4a16", Encoding::kInt4)) return;
  const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/formats/ct_w4a16"));
  CHECK(checkpoint.layers[0].q_proj.weight->group_size() == 128);
}

TEST_CASE("symmetric GPTQ is read as int4 codes in groups") { CheckHf("gptq_sym", Encoding::kInt4); }
TEST_CASE("GPTQ with act-order and zero points is read as floats") { CheckHf("gptq_act_order", Encoding::kFloat); }
TEST_CASE("AWQ is read as floats; a superfluous head is ignored") { CheckHf("awq_gemm", Encoding::kFloat); }

TEST_CASE("every quantised family of Hugging Face's is the file's own numbers") {
  for (const char* name :
       {"awq_g64", "bnb_int8", "bnb_nf4", "bnb_nf4_single", "ct_fp8_dynamic", "ct_fp8_static", "ct_mixed",
        "ct_w4a16_asym", "fbgemm_fp8", "fp8_block", "gptq_int8", "gptq_v2_asym", "mlx_4bit", "mlx_mixed"}) {
    CAPTURE(name);
    const std::string folder = std::string("golden/formats/") + name;
    if (!CheckFormat(folder, folder)) return;
    const Checkpoint checkpoint = OpenCheckpoint(SharedPath(folder));
    CHECK(checkpoint.notes.empty());
    CHECK(checkpoint.layers[0].q_proj.weight->groups().has_value());
  }
}

TEST_CASE("plain models open with their shapes, one file or several, tied or not") {
  for (const std::string model : {"a", "b", "c"}) {
    if (!HaveShared("golden/models/" + model)) return;
    const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/models/" + model));
    CHECK(checkpoint.name == model);
    CHECK(checkpoint.layers.size() == 2);
    CHECK(checkpoint.config.eos_token_ids.size() == 3);
    CHECK(checkpoint.config.rope_theta == 500000);
    REQUIRE(checkpoint.config.rope_scaling);
    CHECK(checkpoint.config.rope_scaling->factor == (model == "b" ? 8 : 32));
    CHECK((checkpoint.lm_head != nullptr) == (model == "b"));
    CHECK(checkpoint.generation.temperature == 0.6);
    CHECK(checkpoint.generation.top_p == 0.9);
    CHECK(checkpoint.generation.do_sample == true);
    CHECK_FALSE(checkpoint.generation.top_k.has_value());
    const WeightSource& q = *checkpoint.layers[1].q_proj.weight;
    REQUIRE(q.encoding() == Encoding::kBf16);
    std::vector<bf16> rows(static_cast<size_t>(3 * q.cols()));
    std::vector<float> floats(rows.size());
    q.ReadBf16(5, 3, rows.data());
    q.ReadFloat(5, 3, floats.data());
    for (size_t i = 0; i < rows.size(); ++i) CHECK(ToFloat(rows[i]) == floats[i]);
  }
}

TEST_CASE("hidden state of the embedding is the row of the token") {
  if (!HaveShared("golden/models/a")) return;
  const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/models/a"));
  const auto golden = puna::engine::testing::ReadJsonFile(SharedPath("golden/models/a/golden/golden.json"));
  const auto expected = puna::testing::ReadNpy<float>(SharedPath("golden/models/a/golden/p7.hidden.npy"));
  const size_t hidden = 384;
  std::vector<float> row(hidden);
  checkpoint.embed_tokens->ReadFloat(golden["prompts"]["p7"]["ids"][3].get<int64_t>(), 1, row.data());
  CHECK(std::equal(row.begin(), row.end(), expected.data.begin() + 3 * hidden));
}
