// Model files as people have them (the shared cases/models): each opens as the one it stands for, or is refused in a sentence.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/throws.h"

using namespace puna::engine;
using namespace puna::testing;
using puna::engine::testing::ReadAll;

namespace {

Checkpoint OpenCase(const std::string& name) { return OpenCheckpoint(SharedPath("cases/models/" + name)); }

std::string MessageOfCase(const std::string& name) {
  return MessageOf([&] {
    const Checkpoint checkpoint = OpenCase(name);
    for (const LayerSource& layer : checkpoint.layers) {
      for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                         &layer.up_proj, &layer.down_proj}) {
        ReadAll(*linear->weight);
      }
    }
    ReadAll(*checkpoint.embed_tokens);
  });
}

bool SameWeights(const Checkpoint& a, const Checkpoint& b) {
  return ReadAll(*a.layers[0].q_proj.weight) == ReadAll(*b.layers[0].q_proj.weight) &&
         ReadAll(*a.layers[0].down_proj.weight) == ReadAll(*b.layers[0].down_proj.weight) &&
         ReadAll(*a.embed_tokens) == ReadAll(*b.embed_tokens) && a.norm == b.norm;
}

// Twins hold the same weights as float16.
double LargestDifference(const WeightSource& a, const WeightSource& b) {
  const std::vector<float> x = ReadAll(a), y = ReadAll(b);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(x[i]) - y[i]));
  return largest;
}

}  // namespace

TEST_CASE("GGUF types give what their float16 twins hold") {
  if (!HaveShared("cases/models/01")) return;
  for (const std::string type : {"Q4_1", "Q5_K", "IQ4_XS"}) {
    CAPTURE(type);
    const Checkpoint file = OpenCase("01/" + type), twin = OpenCase("01/" + type + "-twin");
    CHECK(LargestDifference(*file.layers[0].v_proj.weight, *twin.layers[0].v_proj.weight) < 1e-3);
    CHECK(LargestDifference(*file.layers[0].q_proj.weight, *twin.layers[0].q_proj.weight) < 1e-3);
  }
}

TEST_CASE("the index decides which tensors there are, buffers change nothing, a config may err about quantisation") {
  if (!HaveShared("cases/models/05")) return;
  const Checkpoint good = OpenCase("05/good");
  for (const char* name : {"05/extra", "05/twice", "05/listed_head"}) CHECK(SameWeights(OpenCase(name), good));
  for (const char* name : {"06", "13", "25/only_prefix_less", "25/one_shard_no_index", "25/two_shards_no_index",
                           "25/folder with spaces und ümläut", "25/config_beside_gguf", "25/gguf_and_imatrix",
                           "25/gguf_and_imatrix_gguf"}) {
    CAPTURE(name);
    CHECK(MessageOfCase(name) == "");
  }
  CHECK(OpenCase("14").notes.size() == 1);
  for (const char* name : {"07/false", "07/missing_key"}) {
    const Checkpoint tied = OpenCase(name);
    CHECK(tied.lm_head == nullptr);
    CHECK(tied.config.tie_word_embeddings);
    CHECK(tied.notes.size() == 1);
  }
}

TEST_CASE("files of caches open by their content") {
  if (!HaveShared("cases/models/17")) return;
  const std::string blob = "17/ollama/blobs/sha256-abababababababababababababababababababababababababababababababab";
  CHECK(MessageOfCase(blob) == "");
  CHECK(FindGguf(SharedPath("cases/models/" + blob)) != "");
  const std::string hub = "17/hub/models--unsloth--Llama-3.2-3B-Instruct";
  const std::string config = hub + "/snapshots/cccccccccccccccccccccccccccccccccccccccc/config.json";
  if (!std::filesystem::is_symlink(SharedPath("cases/models/" + config))) {
    MESSAGE("skipped: the links of the hub's cache were copied as texts");
    return;
  }
  CHECK(OpenCase(hub).name == "Llama-3.2-3B-Instruct");
  CHECK(MessageOfCase("17/hub/models--bartowski--Llama-3.2-3B-Instruct-GGUF") == "");
}

TEST_CASE("rope of all kinds is read from both kinds of files") {
  if (!HaveShared("cases/models/18")) return;
  using Kind = RopeScaling::Kind;
  for (const char* plain :
       {"18/plain", "18/linear_one", "18/dynamic", "18/v5", "18/gguf_linear_one", "18/gguf_no_freqs"}) {
    CAPTURE(plain);
    CHECK_FALSE(OpenCase(plain).config.rope_scaling.has_value());
  }
  CHECK(OpenCase("18/linear").config.rope_scaling.value().kind == Kind::kLinear);
  CHECK(OpenCase("18/gguf_linear").config.rope_scaling.value().factor == 2);
  CHECK(OpenCase("18/gguf_scale_linear").config.rope_scaling.value().factor == 4);
  CHECK(OpenCase("18/yarn").config.rope_scaling.value().kind == Kind::kYarn);
  CHECK(OpenCase("18/old_llama3").config.rope_scaling.value().factor == 8);
}

TEST_CASE("weights that are no numbers are named; zeros are fine") {
  if (!HaveShared("cases/models/19")) return;
  for (const char* name : {"19/nan_norm", "19/nan_row", "19/q6k_nan"}) {
    CAPTURE(name);
    const std::string message = MessageOfCase(name);
    CHECK(Contains(message, "finite number"));
    CHECK(IsFaultMessage(message));
  }
  CHECK(MessageOfCase("19/zero_rows") == "");
}

TEST_CASE("ends of a turn: GGUF's keys and names") {
  if (!HaveShared("cases/models/11")) return;
  const auto ends = [](const std::string& name) { return OpenCase(name).config.eos_token_ids; };
  const std::vector<TokenId> key = ends("11/gguf_eot_key"), name = ends("11/gguf_im_end");
  CHECK(std::find(key.begin(), key.end(), 511) != key.end());
  CHECK(name.size() >= 2);
}

TEST_CASE("what a hub offers and cannot be run is told by what it is") {
  if (!HaveShared("cases/models/26")) return;
  for (const auto& [name, what] :
       std::initializer_list<std::pair<const char*, const char*>>{{"lora", "LoRA"},
                                                                  {"onnx", "ONNX"},
                                                                  {"openvino", "OpenVINO"},
                                                                  {"pte", "ExecuTorch"},
                                                                  {"pytorch_bin", "pickled"},
                                                                  {"gguf_lora", "adapter"},
                                                                  {"gguf_arch_qwen2", "qwen2"},
                                                                  {"arch_mistral", "MistralForCausalLM"},
                                                                  {"arch_llama4", "Llama4"}}) {
    const std::string given = name;
    CAPTURE(given);
    const std::string message = MessageOfCase("26/" + given);
    CHECK_MESSAGE(Contains(message, what), message);
    CHECK(IsFaultMessage(message));
    CHECK(Contains(message, ";"));  // and what to do
  }
  for (const char* name : {"awq_gemv", "fp8_dynamic", "gptq_8bit", "mlx_4bit", "method_exl2"}) {
    CAPTURE(name);  // plain weights whose config says otherwise
    CHECK(MessageOfCase(std::string("26/") + name) == "");
  }
}
