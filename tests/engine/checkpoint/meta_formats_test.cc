// Meta's checkpoints against the goldens.
#include <doctest/doctest.h>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"

using namespace puna::engine;
using puna::engine::testing::CheckFormat;
using puna::engine::testing::ReadAll;
using puna::testing::HaveShared;
using puna::testing::SharedPath;
using Encoding = WeightSource::Encoding;

namespace {

bool CheckMeta(const std::string& name, Encoding encoding) {
  return CheckFormat("golden/formats/" + name, "golden/formats/" + name, encoding);
}

}  // namespace

TEST_CASE("Meta bf16: the same weights as Hugging Face's model, rows of q and k in its order, tied") {
  if (!CheckMeta("meta_bf16", Encoding::kBf16) || !HaveShared("golden/models/a")) return;
  const Checkpoint meta = OpenCheckpoint(SharedPath("golden/formats/meta_bf16"));
  const Checkpoint hf = OpenCheckpoint(SharedPath("golden/models/a"));
  CHECK(meta.lm_head == nullptr);
  CHECK(meta.config.tie_word_embeddings);
  CHECK(meta.config.intermediate_size == hf.config.intermediate_size);
  CHECK(meta.config.head_dim == hf.config.head_dim);
  CHECK(meta.config.bos_token_id == hf.config.bos_token_id);
  CHECK(meta.config.eos_token_ids == hf.config.eos_token_ids);
  CHECK(meta.activation_rule == Checkpoint::ActivationRule::kSymmetric);
  CHECK(ReadAll(*meta.embed_tokens) == ReadAll(*hf.embed_tokens));
  CHECK(meta.layers[0].input_layernorm == hf.layers[0].input_layernorm);
  CHECK(meta.layers[0].post_attention_layernorm == hf.layers[0].post_attention_layernorm);
  CHECK(ReadAll(*meta.layers[0].q_proj.weight) == ReadAll(*hf.layers[0].q_proj.weight));
  CHECK(ReadAll(*meta.layers[0].k_proj.weight) == ReadAll(*hf.layers[0].k_proj.weight));
  CHECK(ReadAll(*meta.layers[0].down_proj.weight) == ReadAll(*hf.layers[0].down_proj.weight));
  const WeightSource& q = *meta.layers[0].q_proj.weight;
  std::vector<bf16> row(static_cast<size_t>(q.cols()));
  std::vector<float> floats(row.size());
  q.ReadBf16(33, 1, row.data());
  q.ReadFloat(33, 1, floats.data());
  CHECK(ToFloat(row[7]) == floats[7]);
}

TEST_CASE("Meta rope: factor 8 unless the shape is 1B's or 3B's or the caller says otherwise") {
  if (!HaveShared("golden/formats/meta_bf16")) return;
  const std::string path = SharedPath("golden/formats/meta_bf16");
  CHECK(OpenCheckpoint(path).config.rope_scaling->factor == 8);
  CHECK(OpenCheckpoint(path, {.meta_rope_factor = 32}).config.rope_scaling->factor == 32);
}

TEST_CASE("SpinQuant INT4_EO8: int4 codes in groups of 32, int8 tables, online rotation, asymmetric activations") {
  if (!CheckMeta("spinquant_int4_eo8", Encoding::kInt4)) return;
  const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/formats/spinquant_int4_eo8"));
  CHECK(checkpoint.online_hadamard_down_proj);
  CHECK(checkpoint.activation_rule == Checkpoint::ActivationRule::kAsymmetric);
  CHECK(checkpoint.layers[0].q_proj.weight->group_size() == 32);
  CHECK(checkpoint.layers[0].q_proj.lora == nullptr);
  CHECK(checkpoint.embed_tokens->encoding() == Encoding::kInt8);
  REQUIRE(checkpoint.lm_head);
  CHECK(checkpoint.lm_head->encoding() == Encoding::kInt8);
  CHECK(ReadAll(*checkpoint.lm_head) != ReadAll(*checkpoint.embed_tokens));
  CHECK(checkpoint.norm == std::vector<float>(384, 1.0f));
}

TEST_CASE("QLoRA INT4_EO8: adaptors of rank 16 and scale 2, no rotation") {
  if (!CheckMeta("qlora_int4_eo8", Encoding::kInt4)) return;
  const Checkpoint checkpoint = OpenCheckpoint(SharedPath("golden/formats/qlora_int4_eo8"));
  CHECK_FALSE(checkpoint.online_hadamard_down_proj);
  CHECK(checkpoint.activation_rule == Checkpoint::ActivationRule::kAsymmetric);
  for (const LinearSource* linear : {&checkpoint.layers[0].q_proj, &checkpoint.layers[0].down_proj}) {
    REQUIRE(linear->lora);
    CHECK(linear->lora->scale == 2.0f);
    CHECK(linear->lora->a->rows() == 16);
    CHECK(linear->lora->a->cols() == linear->weight->cols());
    CHECK(linear->lora->b->rows() == linear->weight->rows());
    CHECK(linear->lora->b->cols() == 16);
  }
}
