#include "engine/checkpoint/hf/hf_checkpoint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;
using puna::engine::testing::ReadAll;
using Encoding = WeightSource::Encoding;

namespace {

Checkpoint Open(const TinyFiles& files) { return OpenCheckpointFromMemory("demo", AsSpans(files)); }

TinyFiles Files(const std::vector<TinyTensor>& tensors, const TinyModel& model = {}, const std::string& more = "") {
  return {{"config.json", TinyConfigJson(model, more)}, {"model.safetensors", SafetensorsBytes(tensors)}};
}

std::string Message(const TinyFiles& files) {
  return MessageOf([&] { Open(files); });
}

TinyTensor& Named(std::vector<TinyTensor>* tensors, const std::string& name) {
  return *std::find_if(tensors->begin(), tensors->end(), [&](const TinyTensor& t) { return t.name == name; });
}

constexpr char kDown[] = "model.layers.1.mlp.down_proj.weight";

}  // namespace

TEST_CASE("a checkpoint from memory and from a folder is the same") {
  const TinyFiles files = TinyCheckpointFiles();
  const TemporaryFolder folder(files);
  const Checkpoint memory = Open(files);
  const Checkpoint mapped = OpenCheckpoint(folder.path());
  CHECK(memory.name == "demo");
  CHECK(mapped.layers.size() == 2);
  for (const Checkpoint* checkpoint : {&memory, &mapped}) {
    const WeightSource& down = *checkpoint->layers[1].down_proj.weight;
    CHECK(down.name() == kDown);
    CHECK(down.rows() == 32);
    CHECK(down.cols() == 64);
    const std::vector<float> before = ReadAll(down);
    down.Release();
    CHECK(ReadAll(down) == before);
    CHECK(before == ReadAll(*memory.layers[1].down_proj.weight));
  }
  CHECK(mapped.lm_head == nullptr);
  CHECK(OpenCheckpoint(folder.path() + "/").name == mapped.name);
}

TEST_CASE("a snapshot in Hugging Face's cache has the model's name") {
  const TemporaryFolder folder;
  const std::string snapshot = "models--meta-llama--Llama-3.2-1B-Instruct/snapshots/0123abcd";
  std::filesystem::create_directories(folder.path() + "/" + snapshot);
  for (const auto& [name, bytes] : TinyCheckpointFiles()) folder.Write(snapshot + "/" + name, bytes);
  CHECK(OpenCheckpoint(folder.path() + "/" + snapshot).name == "Llama-3.2-1B-Instruct");
  CHECK(OpenCheckpoint(folder.path() + "/" + snapshot + "/").name == "Llama-3.2-1B-Instruct");
}

TEST_CASE("f16 and f32 weights are read as floats") {
  for (const std::string dtype : {"F16", "F32"}) {
    TinyModel model;
    model.dtype = dtype;
    model.tied = false;
    const auto tensors = TinyTensors(model);
    const TinyFiles files = Files(tensors, model);
    const Checkpoint checkpoint = Open(files);
    CHECK(checkpoint.lm_head);
    const WeightSource& q = *checkpoint.layers[0].q_proj.weight;
    CHECK(q.encoding() == Encoding::kFloat);
    const std::vector<float> values = ReadAll(q);
    if (dtype == "F32") {
      CHECK(BytesOf(values) == tensors[2].bytes);
    } else {
      for (const float x : values) CHECK((x == 0 || x == 1 || x == -1));
    }
  }
}

TEST_CASE("missing, mis-shaped, mis-typed and extra tensors are errors that name the tensor") {
  const TinyModel model;
  std::vector<TinyTensor> tensors = TinyTensors(model);
  tensors.erase(tensors.end() - 2);  // the last layer's down_proj
  std::string message = Message(Files(tensors));
  CHECK(Contains(message, std::string("demo: ") + kDown + ": expected a tensor [32, 64], found none"));

  tensors = TinyTensors(model);
  Named(&tensors, kDown).shape = {64, 32};
  message = Message(Files(tensors));
  CHECK(
      Contains(message, std::string("demo/model.safetensors: ") + kDown + ": expected shape [32, 64], found [64, 32]"));

  tensors = TinyTensors(model);
  Named(&tensors, kDown).dtype = "I16";
  CHECK(Contains(Message(Files(tensors)), "expected type BF16, F16 or F32, found I16"));

  tensors = TinyTensors(model);
  tensors.push_back({"model.layers.2.mlp.down_proj.weight", "BF16", {1}, "xx"});
  CHECK(Contains(Message(Files(tensors)), "model.layers.2.mlp.down_proj.weight: expected only the tensors of a Llama"));

  tensors = TinyTensors(model);
  tensors.push_back({"model.layers.0.self_attn.q_proj.bias", "BF16", {1}, "xx"});
  CHECK(Contains(Message(Files(tensors)), "q_proj.bias"));

  CHECK(IsFaultMessage(Message({{"config.json", TinyConfigJson(model)}})));
}

TEST_CASE("tensors that change nothing are let through") {
  std::vector<TinyTensor> tensors = TinyTensors({});
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, "xxxx"});
  tensors.push_back({"lm_head.weight", "BF16", {1}, "xx"});
  tensors.push_back({"model.layers.0.self_attn.k_scale", "F32", {1}, "xxxx"});
  CHECK(Message(Files(tensors)) == "");
}

TEST_CASE("end tokens of both files count") {
  TinyFiles files = TinyCheckpointFiles();
  files["generation_config.json"] = "{\"eos_token_id\":[2,7],\"temperature\":0.5}";
  const Checkpoint checkpoint = Open(files);
  CHECK(checkpoint.config.eos_token_ids == std::vector<TokenId>{2, 7});
  CHECK(checkpoint.generation.temperature == 0.5);
}

TEST_CASE("paths that are no model say what to do") {
  const TemporaryFolder empty;
  CHECK(Contains(MessageOf([&] { OpenCheckpoint(empty.path()); }), "found an empty folder"));
  CHECK(Contains(MessageOf([&] { OpenCheckpoint(empty.path() + "/none"); }), "found nothing"));
  const TemporaryFolder folder(TinyCheckpointFiles());
  CHECK(Contains(MessageOf([&] { OpenCheckpoint(folder.path() + "/model.safetensors"); }), "expected a folder"));
  folder.Write("config.json", "");
  CHECK(IsFaultMessage(MessageOf([&] { OpenCheckpoint(folder.path()); })));
}

TEST_CASE("compressed-tensors: what the shape of the scales says") {
  const std::string quantization =
      ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"int-quantized\",\"config_"
      "groups\":{"
      "\"a\":{\"weights\":{\"num_bits\":4,\"strategy\":\"group\",\"group_size\":32}},"
      "\"b\":{\"weights\":{\"num_bits\":8,\"strategy\":\"channel\"}}}}";
  std::vector<TinyTensor> tensors = TinyTensors({});
  std::vector<int8_t> codes(32 * 64);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int8_t>(static_cast<int>(i % 16) - 8);
  Named(&tensors, kDown) = {kDown, "I8", {32, 64}, BytesOf(codes)};
  const auto with_scales = [&](const std::vector<int64_t>& shape) {
    std::vector<TinyTensor> all = tensors;
    std::vector<float> scales(static_cast<size_t>(ElementCount(shape)));
    for (size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<float>(i + 1);
    all.push_back({"model.layers.1.mlp.down_proj.weight_scale", "F32", shape, BytesOf(scales)});
    return Files(all, {}, quantization);
  };
  {
    const TinyFiles files = with_scales({32, 2});  // groups of 32: 4 bits
    const Checkpoint checkpoint = Open(files);
    const WeightSource& down = *checkpoint.layers[1].down_proj.weight;
    CHECK(down.encoding() == Encoding::kInt4);
    CHECK(down.group_size() == 32);
    CHECK(ReadAll(down)[64 + 40] == 4.0f * codes[64 + 40]);
  }
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{32, 1}, {32}, {1}}) {
    const TinyFiles files = with_scales(shape);  // a scale per row: 8 bits
    const Checkpoint checkpoint = Open(files);
    const WeightSource& down = *checkpoint.layers[1].down_proj.weight;
    CHECK(down.encoding() == Encoding::kInt8);
    CHECK(ReadAll(down)[3 * 64 + 5] == (shape[0] == 1 ? 1.0f : 4.0f) * codes[3 * 64 + 5]);
  }
  CHECK(Contains(Message(with_scales({31, 1})), "weight_scale"));
  CHECK(Contains(Message(with_scales({32, 3})), "a divisor of 64"));
  codes[9] = 8;  // does not fit 4 bits: shows when it is read
  Named(&tensors, kDown).bytes = BytesOf(codes);
  const TinyFiles files = with_scales({32, 2});
  const Checkpoint checkpoint = Open(files);
  CHECK(Contains(MessageOf([&] { ReadAll(*checkpoint.layers[1].down_proj.weight); }),
                 "4-bit values from -8 to 7, found 8"));
}

TEST_CASE("quantised tensors without a quantization_config are an error") {
  std::vector<TinyTensor> tensors = TinyTensors({});
  tensors.push_back({"model.layers.1.mlp.down_proj.weight_scale", "F32", {32, 1}, std::string(128, '\0')});
  CHECK(Contains(Message(Files(tensors)), "quantization_config"));
  tensors.back() = {"model.layers.1.mlp.down_proj.qweight", "I32", {8, 32}, std::string(1024, '\0')};
  CHECK(Contains(Message(Files(tensors)), "quantization_config"));
}
