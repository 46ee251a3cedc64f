// Every matrix runs in its file's own codes: what is packed gives back the file's values to the bit, takes the file's size, and
// meets the goldens of its format on every instruction set with the same bits.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/footprint.h"
#include "engine/model/layer_plan.h"
#include "engine/model/llama_weights.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

constexpr const char* kGguf[] = {"k1-every-type", "k2-Q4_K_M", "c2-Q4_K_M", "c1-Q6_K",   "a1-Q4_0",
                                 "a1-Q8_0",       "k1-Q4_1",   "k1-Q5_0",   "k1-Q5_1",   "k1-Q5_K_S",
                                 "k1-IQ4_NL",     "k1-IQ4_XS", "k1-Q2_K",   "k1-Q3_K_M", "k1-Q4_K_S-split"};
constexpr const char* kFolders[] = {
    "mlx_4bit",   "mlx_mixed", "gptq_act_order", "bnb_nf4",  "bnb_nf4_single", "ct_fp8_dynamic", "ct_fp8_static",
    "fbgemm_fp8", "fp8_block", "awq_g64",        "awq_gemm", "gptq_v2_asym",   "gptq_int8",      "ct_w4a16_asym",
    "ct_mixed",   "ct_w4a16",  "gptq_sym",       "bnb_int8", "ct_w8a8"};

std::string PathOf(const std::string& name) { return testing::SharedPath("golden/formats/") + name; }

// Rows of `weight` from `first` on against the source's.
void CheckRows(const PackedWeight& weight, int64_t first, const WeightSource& source) {
  CAPTURE(source.name());
  CAPTURE(Name(weight.form));
  std::vector<float> want(static_cast<size_t>(source.cols())), got(want.size());
  for (int64_t r = 0; r < source.rows(); ++r) {
    source.ReadFloat(r, 1, want.data());
    weight.ReadRow(first + r, got.data());
    REQUIRE(want == got);
  }
}

bool IsExact(const WeightSource& source) { return OwnForm(source).format == WeightFormat::kGroups; }

int CheckLinear(const Linear& linear, std::initializer_list<const WeightSource*> sources) {
  int checked = 0;
  size_t part = 0;
  int64_t at = 0;
  for (const WeightSource* source : sources) {
    if (at == linear.weights()[part].outputs) ++part, at = 0;
    if (IsExact(*source)) CheckRows(linear.weights()[part], at, *source), ++checked;
    at += source->rows();
  }
  return checked;
}

int CheckGateUp(const Linear& linear, const WeightSource& gate, const WeightSource& up) {
  if (linear.weights().size() == 2) return CheckLinear(linear, {&gate, &up});
  if (!IsExact(gate)) return 0;
  const PackedWeight& weight = linear.weights().front();
  std::vector<float> want(static_cast<size_t>(gate.cols())), got(want.size());
  for (int64_t column = 0; column < weight.outputs; ++column) {
    const GateUpColumn at = GateUpOf(column);
    if (at.row >= gate.rows()) continue;
    (at.up ? up : gate).ReadFloat(at.row, 1, want.data());
    weight.ReadRow(column, got.data());
    REQUIRE(want == got);
  }
  return 2;
}

int CheckExact(const Checkpoint& checkpoint) {
  const LlamaWeights weights = PackLlama(checkpoint, {std::nullopt, DetectIsa(), 2, 64}, {});
  int checked = CheckLinear(weights.embed_tokens, {checkpoint.embed_tokens.get()});
  if (weights.lm_head) checked += CheckLinear(*weights.lm_head, {checkpoint.lm_head.get()});
  for (size_t n = 0; n < weights.layers.size(); ++n) {
    const LayerSource& from = checkpoint.layers[n];
    const LlamaLayer& layer = weights.layers[n];
    checked +=
        CheckLinear(layer.qkv_proj, {from.q_proj.weight.get(), from.k_proj.weight.get(), from.v_proj.weight.get()});
    checked += CheckLinear(layer.o_proj, {from.o_proj.weight.get()});
    checked += CheckLinear(layer.down_proj, {from.down_proj.weight.get()});
    checked += CheckGateUp(layer.gate_up_proj, *from.gate_proj.weight, *from.up_proj.weight);
  }
  return checked;
}

TEST_CASE("codes and scales of a GGUF file are kept, in every type") {
  if (!testing::HaveShared("golden/formats")) return;
  for (const std::string name : kGguf) {
    CAPTURE(name);
    const Checkpoint checkpoint = OpenCheckpoint(PathOf("gguf/" + name));
    CHECK(CheckExact(checkpoint) > 0);
  }
}

TEST_CASE("codes and scales of quantised Hugging Face folders are kept") {
  if (!testing::HaveShared("golden/formats")) return;
  int checked = 0;
  for (const std::string name : kFolders) {
    CAPTURE(name);
    checked += CheckExact(OpenCheckpoint(PathOf(name)));
  }
  CHECK(checked >= 14 * 7);  // all but the three that w4a8 and w8a8 hold as they are
}

// Panels of 64 outputs are filled up, which shows in models for tests only: widths here are multiples of 64.
TEST_CASE("weights take what their file takes") {
  if (!testing::HaveShared("golden/formats")) return;
  for (const std::string name :
       {"gguf/k1-every-type", "gguf/k2-Q4_K_M", "gguf/c1-Q6_K", "gguf/k1-Q4_1", "gguf/k1-Q5_0", "gguf/k1-Q5_1",
        "gguf/k1-Q5_K_S", "gguf/k1-IQ4_NL", "gguf/k1-IQ4_XS", "mlx_4bit", "mlx_mixed"}) {
    CAPTURE(name);
    const Checkpoint checkpoint = OpenCheckpoint(PathOf(name));
    const LlamaOptions options{std::nullopt, DetectIsa(), 2, 64};
    const auto model = LoadLlama(checkpoint, options, {});
    CHECK(model->weight_bytes() == PlannedWeightBytes(checkpoint, options));
    CHECK(model->Format() == PlannedForms(checkpoint, options));
    CHECK(static_cast<double>(model->weight_bytes()) < 1.1 * static_cast<double>(FileWeightBytes(checkpoint)));
  }
}

}  // namespace
}  // namespace puna::engine
