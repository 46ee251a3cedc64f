#include "engine/checkpoint/meta/meta_checkpoint.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/meta/meta_params.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_pth.h"

using namespace puna::engine;
using namespace puna::testing;
using puna::engine::testing::ReadAll;
using Encoding = WeightSource::Encoding;

namespace {

// hidden 32, 2 layers, 2 heads of 16, 1 kv head, ffn 64: int(2 * 4 * 32 / 3) = 85, times 0.75 = 63, up to 64.
std::string Params(const std::string& more = "") {
  return "{\"dim\":32,\"n_layers\":2,\"n_heads\":2,\"n_kv_heads\":1,\"vocab_size\":300,\"ffn_dim_multiplier\":0.75,"
         "\"multiple_of\":32,\"norm_eps\":1e-05,\"rope_theta\":500000.0,\"use_scaled_rope\":true" +
         more + "}";
}

const TinyModel kModel = {.tied = false};

std::string MetaName(std::string name) {
  const std::pair<const char*, const char*> kNames[] = {{"model.embed_tokens", "tok_embeddings"},
                                                        {"model.layers.", "layers."},
                                                        {"model.norm", "norm"},
                                                        {"lm_head", "output"},
                                                        {"self_attn.q_proj", "attention.wq"},
                                                        {"self_attn.k_proj", "attention.wk"},
                                                        {"self_attn.v_proj", "attention.wv"},
                                                        {"self_attn.o_proj", "attention.wo"},
                                                        {"mlp.gate_proj", "feed_forward.w1"},
                                                        {"mlp.up_proj", "feed_forward.w3"},
                                                        {"mlp.down_proj", "feed_forward.w2"},
                                                        {"input_layernorm", "attention_norm"},
                                                        {"post_attention_layernorm", "ffn_norm"}};
  for (const auto& [hf, meta] : kNames) {
    const size_t at = name.find(hf);
    if (at != std::string::npos) name.replace(at, std::string(hf).size(), meta);
  }
  return name;
}

bool IsRotated(const std::string& name) { return Contains(name, "attention.wq") || Contains(name, "attention.wk"); }

// Hugging Face's rows of each head of 16 in Meta's order.
std::string Interleave(const std::string& bytes, size_t row_bytes) {
  std::string out;
  for (size_t row = 0; row < bytes.size() / row_bytes; ++row) {
    const size_t j = row % 16, hf = row - j + j / 2 + (j % 2 ? 8 : 0);
    out += bytes.substr(hf * row_bytes, row_bytes);
  }
  return out;
}

std::vector<TinyTensor> MetaTensors() {
  std::vector<TinyTensor> tensors = TinyTensors(kModel);
  for (TinyTensor& tensor : tensors) {
    tensor.name = MetaName(tensor.name);
    if (IsRotated(tensor.name)) tensor.bytes = Interleave(tensor.bytes, 64);
  }
  return tensors;
}

// Part `n` of two of a tensor along dimension 0 or 1.
TinyTensor Half(TinyTensor tensor, size_t dim, size_t n) {
  const auto rows = static_cast<size_t>(tensor.shape[0]), row = tensor.bytes.size() / rows;
  std::string bytes;
  for (size_t r = 0; r < rows; ++r) {
    if (dim == 0 && r / (rows / 2) != n) continue;
    bytes += dim == 0 ? tensor.bytes.substr(r * row, row) : tensor.bytes.substr(r * row + n * row / 2, row / 2);
  }
  tensor.shape[dim] /= 2;
  tensor.bytes = bytes;
  return tensor;
}

Checkpoint Open(const TinyFiles& files) { return OpenCheckpointFromMemory("meta", AsSpans(files)); }

void CheckSame(const Checkpoint& meta, const Checkpoint& hf) {
  CHECK(ReadAll(*meta.embed_tokens) == ReadAll(*hf.embed_tokens));
  REQUIRE(meta.lm_head);
  CHECK(ReadAll(*meta.lm_head) == ReadAll(*hf.lm_head));
  CHECK(meta.norm == hf.norm);
  for (size_t n = 0; n < 2; ++n) {
    const LayerSource &a = meta.layers[n], &b = hf.layers[n];
    CHECK(a.input_layernorm == b.input_layernorm);
    CHECK(a.post_attention_layernorm == b.post_attention_layernorm);
    const std::pair<const LinearSource*, const LinearSource*> kPairs[] = {
        {&a.q_proj, &b.q_proj},       {&a.k_proj, &b.k_proj},   {&a.v_proj, &b.v_proj},      {&a.o_proj, &b.o_proj},
        {&a.gate_proj, &b.gate_proj}, {&a.up_proj, &b.up_proj}, {&a.down_proj, &b.down_proj}};
    for (const auto& [x, y] : kPairs) {
      CHECK(ReadAll(*x->weight) == ReadAll(*y->weight));
      REQUIRE(x->weight->encoding() == Encoding::kBf16);
      std::vector<bf16> p(static_cast<size_t>(3 * x->weight->cols())), q(p.size());
      const int64_t first = std::min<int64_t>(15, x->weight->rows() - 3);  // 15 to 17: both files of a split one
      x->weight->ReadBf16(first, 3, p.data());
      y->weight->ReadBf16(first, 3, q.data());
      CHECK(std::equal(p.begin(), p.end(), q.begin(), [](bf16 s, bf16 t) { return s.bits == t.bits; }));
    }
  }
}

}  // namespace

TEST_CASE("Meta's layout holds the same model as Hugging Face's") {
  const TinyFiles hf_files = {{"config.json", TinyConfigJson(kModel)},
                              {"model.safetensors", SafetensorsBytes(TinyTensors(kModel))}};
  const Checkpoint hf = Open(hf_files);
  const TinyFiles one = {{"params.json", Params()}, {"consolidated.00.pth", PthBytes(MetaTensors())}};
  const Checkpoint meta = Open(one);
  CheckSame(meta, hf);
  CHECK(meta.config.intermediate_size == 64);
  CHECK(meta.config.max_position_embeddings == 131072);
  CHECK_FALSE(meta.config.tie_word_embeddings);
}

TEST_CASE("a model-parallel release in two files") {
  TinyModel model = kModel;
  model.kv_heads = 2;
  std::vector<TinyTensor> tensors = TinyTensors(model);
  const TinyFiles hf_files = {{"config.json", TinyConfigJson(model)}, {"model.safetensors", SafetensorsBytes(tensors)}};
  std::vector<TinyTensor> halves[2];
  for (TinyTensor& tensor : tensors) {
    tensor.name = MetaName(tensor.name);
    if (IsRotated(tensor.name)) tensor.bytes = Interleave(tensor.bytes, 64);
    for (const size_t n : {0, 1}) {
      const bool by_cols = Contains(tensor.name, "attention.wo") || Contains(tensor.name, "feed_forward.w2");
      halves[n].push_back(tensor.shape.size() == 1 ? tensor : Half(tensor, by_cols ? 1 : 0, n));
    }
  }
  std::string params = Params();
  params.replace(params.find("\"n_kv_heads\":1"), 14, "\"n_kv_heads\":2");
  TinyFiles files = {{"params.json", params},
                     {"consolidated.00.pth", PthBytes(halves[0])},
                     {"consolidated.01.pth", PthBytes(halves[1])}};
  {
    const Checkpoint hf = Open(hf_files), meta = Open(files);
    CheckSame(meta, hf);
  }
  files.erase("consolidated.01.pth");
  CHECK(IsFaultMessage(MessageOf([&] { Open(files); })));
}

TEST_CASE("quantised: codes, scales and adaptors of q and k move together") {
  std::vector<TinyTensor> tensors = MetaTensors(), all;
  std::map<std::string, std::vector<float>> expected;  // by file name, in Hugging Face's rows
  std::mt19937 rng(5);
  for (const TinyTensor& tensor : tensors) {
    if (tensor.shape.size() == 1) {
      all.push_back(tensor);
      continue;
    }
    const bool table = Contains(tensor.name, "output") || Contains(tensor.name, "tok_");
    const int64_t rows = tensor.shape[0], cols = tensor.shape[1], groups = table ? 1 : cols / 16;
    const std::string base = tensor.name.substr(0, tensor.name.size() - 7);
    std::vector<int8_t> codes(static_cast<size_t>(rows * cols));
    std::vector<float> scales(static_cast<size_t>(rows * groups)), b(static_cast<size_t>(rows * 4)),
        value(codes.size());
    for (int8_t& code : codes) code = static_cast<int8_t>(static_cast<int>(rng() % 16) - 8);
    for (float& scale : scales) scale = static_cast<float>(rng() % 1000);
    for (float& x : b) x = static_cast<float>(rng() % 100);
    for (size_t i = 0; i < codes.size(); ++i)
      value[i] = static_cast<float>(codes[i]) * scales[i / static_cast<size_t>(cols / groups)];
    expected[base] = value;
    expected[base + ".b"] = b;
    const auto order = [&](std::string bytes) {
      return IsRotated(base) ? Interleave(bytes, bytes.size() / static_cast<size_t>(rows)) : bytes;
    };
    all.push_back({tensor.name, "I8", {rows, cols}, order(BytesOf(codes))});
    all.push_back({base + ".scales", "F32", {rows, groups}, order(BytesOf(scales))});
    if (table) continue;
    all.push_back({base + ".zeros", "F32", {1}, "zzzz"});
    all.push_back({base + ".adaptor.A.weight",
                   "BF16",
                   {4, cols},
                   Bf16Bytes(std::vector<float>(static_cast<size_t>(4 * cols), 1))});
    all.push_back({base + ".adaptor.B.weight", "BF16", {rows, 4}, order(Bf16Bytes(b))});
  }
  const std::string quantised =
      ",\"quantization_args\":{\"scheme\":\"int4_weight_int8_dynamic_activation\",\"group_size\":16,\"spinquant\":true}"
      ","
      "\"lora_args\":{\"rank\":4,\"scale\":2.0}";
  const TinyFiles files = {{"params.json", Params(quantised)}, {"consolidated.00.pth", PthBytes(all)}};
  const Checkpoint checkpoint = Open(files);
  CHECK(checkpoint.online_hadamard_down_proj);
  CHECK(ReadAll(*checkpoint.embed_tokens) == expected["tok_embeddings"]);
  CHECK(ReadAll(*checkpoint.lm_head) == expected["output"]);
  const LayerSource& layer = checkpoint.layers[1];
  const std::pair<const LinearSource*, const char*> kLinears[] = {{&layer.q_proj, "attention.wq"},
                                                                  {&layer.k_proj, "attention.wk"},
                                                                  {&layer.v_proj, "attention.wv"},
                                                                  {&layer.o_proj, "attention.wo"},
                                                                  {&layer.down_proj, "feed_forward.w2"}};
  for (const auto& pair : kLinears) {
    const LinearSource* linear = pair.first;
    const char* name = pair.second;
    CAPTURE(name);
    CHECK(linear->weight->encoding() == Encoding::kInt4);
    CHECK(ReadAll(*linear->weight) == expected["layers.1." + std::string(name)]);
    REQUIRE(linear->lora);
    CHECK(ReadAll(*linear->lora->b) == expected["layers.1." + std::string(name) + ".b"]);
  }
  std::string wrong = Params(quantised);
  wrong.replace(wrong.find("\"group_size\":16"), 15, "\"group_size\":32");
  CHECK(Contains(MessageOf([&] {
                   Open({{"params.json", wrong}, {"consolidated.00.pth", PthBytes(all)}});
                 }),
                 "a scale for every 32 columns"));
}

TEST_CASE("missing, mis-shaped and extra tensors") {
  const auto message = [](const std::vector<TinyTensor>& tensors, const std::string& params) {
    return MessageOf([&] { Open({{"params.json", params}, {"consolidated.00.pth", PthBytes(tensors)}}); });
  };
  std::vector<TinyTensor> tensors = MetaTensors();
  CHECK(message(tensors, Params()) == "");
  tensors.push_back({"rope.freqs", "BF16", {1}, "xx"});
  CHECK(message(tensors, Params()) == "");
  tensors.push_back({"layers.2.attention.wq.weight", "BF16", {1}, "xx"});
  CHECK(Contains(message(tensors, Params()),
                 "layers.2.attention.wq.weight: expected only the tensors of a Llama with 2 layers"));
  tensors = MetaTensors();
  tensors.erase(tensors.begin() + 3);
  CHECK(Contains(message(tensors, Params()), "expected a tensor [16, 32], found none"));
  CHECK(Contains(message(MetaTensors(), Params(",\"lora_args\":{\"rank\":4,\"scale\":2.0}")), "adaptor.A.weight"));
  CHECK(Contains(MessageOf([] { Open({{"params.json", Params()}}); }), "expected consolidated.00.pth"));
}

TEST_CASE("begin and end tokens follow the last rank of tokenizer.model") {
  TinyFiles files = {{"params.json", Params()}, {"consolidated.00.pth", PthBytes(MetaTensors())}};
  files["tokenizer.model"] = "YQ== 0\nYg== 1\nYw== 279\n";
  {
    const Checkpoint checkpoint = Open(files);
    CHECK(checkpoint.config.bos_token_id == 280);
    CHECK(checkpoint.config.eos_token_ids == std::vector<TokenId>{281, 288, 289});
  }
  for (const char* bad : {"", "\n\n", "nonsense", "x y", "a 299\n", "a 99999999999\n"}) {
    files["tokenizer.model"] = bad;
    CHECK(Open(files).config.eos_token_ids.empty());
  }
}

TEST_CASE("params.json: sizes, rope factor, and what is refused") {
  const auto parse = [](const std::string& text, std::optional<double> factor = {}) {
    return ParseMetaParams(JsonObject::Parse(AsBytes(text), "params.json"), factor);
  };
  const std::string one =
      "{\"dim\":2048,\"n_layers\":16,\"n_heads\":32,\"n_kv_heads\":8,\"vocab_size\":128256,\"ffn_dim_multiplier\":1.5,"
      "\"multiple_of\":256,\"norm_eps\":1e-05,\"rope_theta\":500000.0,\"use_scaled_rope\":true}";
  const std::string three =
      "{\"dim\":3072,\"n_layers\":28,\"n_heads\":24,\"n_kv_heads\":8,\"vocab_size\":128256,\"ffn_dim_multiplier\":1.0,"
      "\"multiple_of\":256,\"norm_eps\":1e-05,\"rope_theta\":500000.0,\"use_scaled_rope\":true}";
  CHECK(parse(one).config.intermediate_size == 8192);
  CHECK(parse(one).config.head_dim == 64);
  CHECK(parse(one).config.rope_scaling->factor == 32);
  CHECK(parse(three).config.intermediate_size == 8192);
  CHECK(parse(three).config.rope_scaling->factor == 32);
  CHECK(parse(three, 8).config.rope_scaling->factor == 8);
  CHECK(parse(Params()).config.rope_scaling->factor == 8);
  CHECK(parse(Params(",\"rope_scale_factor\":16")).config.rope_scaling->factor == 16);
  std::string plain = Params();
  plain.replace(plain.find("true"), 4, "false");
  CHECK_FALSE(parse(plain).config.rope_scaling);
  const std::string cases[] = {
      "{}",
      Params(",\"quantization_args\":{\"scheme\":\"fp8\",\"group_size\":32}"),
      Params(",\"quantization_args\":{\"scheme\":\"int4_weight_int8_dynamic_activation\"}"),
      Params(",\"vision_chunk_size\":448"),
      Params(",\"moe_args\":{}"),
      Params(",\"lora_args\":{\"rank\":-1,\"scale\":2}"),
      Params(",\"head_dim\":15"),
  };
  for (const std::string& text : cases) CHECK(IsFaultMessage(MessageOf([&] { parse(text); })));
  for (const char* huge : {"1e300", "1e19", "-1", "1e-9"}) {
    std::string text = Params();
    text.replace(text.find("0.75"), 4, huge);
    CHECK(IsFaultMessage(MessageOf([&] { parse(text); })));
  }
}
