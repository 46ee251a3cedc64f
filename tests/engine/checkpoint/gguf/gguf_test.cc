// GGUF files against the goldens, and hostile ones.
#include "engine/checkpoint/gguf/gguf_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>
#include <set>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;
using puna::engine::testing::CheckFormat;
using puna::engine::testing::CheckWeight;
using puna::engine::testing::LinearNamed;
using puna::engine::testing::ReadAll;
using Encoding = WeightSource::Encoding;

namespace {

// A file with this metadata (already encoded) and one F32 tensor "t" of `count` elements, of which `held` are there.
std::string Gguf(const std::string& values, uint64_t value_count, uint64_t count, uint64_t held, uint32_t type = 0,
                 uint64_t offset = 0) {
  std::string out = "GGUF" + LittleEndian(3, 4) + LittleEndian(1, 8) + LittleEndian(value_count, 8) + values;
  out += LittleEndian(1, 8) + "t" + LittleEndian(1, 4) + LittleEndian(count, 8) + LittleEndian(type, 4) +
         LittleEndian(offset, 8);
  out.resize((out.size() + 31) / 32 * 32);
  return out + std::string(4 * held, 'x');
}
std::string Key(const std::string& name, uint32_t type, const std::string& value) {
  return LittleEndian(name.size(), 8) + name + LittleEndian(type, 4) + value;
}
std::string Message(const std::string& bytes) {
  return MessageOf([&] { GgufFile(MappedFile::Borrow("x.gguf", AsBytes(bytes))); });
}

}  // namespace

TEST_CASE("GGUF types against the goldens") {
  const std::pair<const char*, Encoding> kFormats[] = {{"c1-F16", Encoding::kFloat},  {"c1-BF16", Encoding::kBf16},
                                                       {"a1-Q8_0", Encoding::kFloat}, {"a1-Q4_0", Encoding::kInt4},
                                                       {"c1-Q6_K", Encoding::kFloat}, {"c2-Q4_K_M", Encoding::kFloat}};
  for (const auto& format : kFormats) {
    const char* name = format.first;
    CAPTURE(name);
    const std::string folder = std::string("golden/formats/gguf/") + name;
    if (!CheckFormat(folder, folder + "/" + name + ".gguf", format.second)) return;
    CHECK(OpenCheckpoint(SharedPath(folder)).name == name);  // a folder with one .gguf file
  }
}

TEST_CASE("every type and every mix of types is the file's own numbers, to the bit where they come as codes") {
  for (const char* name : {"k1-IQ4_NL", "k1-IQ4_XS", "k1-Q2_K", "k1-Q3_K_M", "k1-Q4_1", "k1-Q5_0", "k1-Q5_1",
                           "k1-Q5_K_S", "k1-every-type", "k2-Q4_K_M", "c2-Q4_K_M", "a1-Q8_0", "c1-Q6_K"}) {
    CAPTURE(name);
    const std::string folder = std::string("golden/formats/gguf/") + name;
    if (!CheckFormat(folder, folder + "/" + name + ".gguf")) return;
    const Checkpoint checkpoint = OpenCheckpoint(SharedPath(folder));
    CHECK(checkpoint.layers[0].q_proj.weight->groups().has_value());
    CHECK(checkpoint.embed_tokens->groups().has_value());
  }
}

TEST_CASE("a split model opens by any of its parts, and by its folder; a missing part is named") {
  const std::string folder = "golden/formats/gguf/k1-Q4_K_S-split";
  if (!CheckFormat(folder, folder)) return;
  for (const auto& entry : std::filesystem::directory_iterator(SharedPath(folder))) {
    if (entry.path().extension() == ".gguf") CHECK(OpenCheckpoint(entry.path().string()).layers.size() == 1);
  }
  const auto first = MappedFile::Open(SharedPath(folder + "/k1-Q4_K_S-split-00001-of-00002.gguf"));
  const std::string message = MessageOf([&] {
    OpenCheckpointFromMemory("m", {{"m-00001-of-00002.gguf", first->bytes()}});
  });
  CHECK(Contains(message, "m-00002-of-00002.gguf"));
  CHECK(IsFaultMessage(message));
}

TEST_CASE("a GGUF of bf16 weights is the Hugging Face model: shape, rope, tokens, row order") {
  if (!HaveShared("golden/formats/gguf") || !HaveShared("golden/models/c")) return;
  const Checkpoint gguf = OpenCheckpoint(SharedPath("golden/formats/gguf/c1-BF16/c1-BF16.gguf"));
  const Checkpoint hf = OpenCheckpoint(SharedPath("golden/models/c"));
  CHECK(gguf.config.hidden_size == hf.config.hidden_size);
  CHECK(gguf.config.num_hidden_layers == 1);
  CHECK(gguf.config.head_dim == hf.config.head_dim);
  CHECK(gguf.config.vocab_size == hf.config.vocab_size);
  CHECK(gguf.config.max_position_embeddings == hf.config.max_position_embeddings);
  CHECK(gguf.config.rope_theta == hf.config.rope_theta);
  REQUIRE(gguf.config.rope_scaling);
  CHECK(gguf.config.rope_scaling->factor == 32);
  CHECK(std::abs(gguf.config.rms_norm_eps - 1e-5) < 1e-11);
  CHECK(gguf.config.bos_token_id == hf.config.bos_token_id);
  CHECK(std::set<TokenId>(gguf.config.eos_token_ids.begin(), gguf.config.eos_token_ids.end()) ==
        std::set<TokenId>(hf.config.eos_token_ids.begin(), hf.config.eos_token_ids.end()));
  CHECK(gguf.lm_head == nullptr);
  CHECK(ReadAll(*gguf.layers[0].q_proj.weight) == ReadAll(*hf.layers[0].q_proj.weight));
  CHECK(ReadAll(*gguf.layers[0].k_proj.weight) == ReadAll(*hf.layers[0].k_proj.weight));
  CHECK(ReadAll(*gguf.layers[0].v_proj.weight) == ReadAll(*hf.layers[0].v_proj.weight));
  CHECK(ReadAll(*gguf.layers[0].down_proj.weight) == ReadAll(*hf.layers[0].down_proj.weight));
  CHECK(ReadAll(*gguf.embed_tokens) == ReadAll(*hf.embed_tokens));
  CHECK(gguf.layers[0].post_attention_layernorm == hf.layers[0].post_attention_layernorm);
}

TEST_CASE("metadata of every type") {
  const std::string values = Key("u8", 0, "\xff") + Key("i8", 1, "\xff") + Key("i16", 3, "\xfe\xff") +
                             Key("f32", 6, BytesOf(std::vector<float>{1.5f})) + Key("s", 8, LittleEndian(2, 8) + "hi") +
                             Key("a", 9, LittleEndian(4, 4) + LittleEndian(2, 8) + std::string(8, 'x')) +
                             Key("as", 9, LittleEndian(8, 4) + LittleEndian(1, 8) + LittleEndian(3, 8) + "abc") +
                             Key("f64", 12, BytesOf(std::vector<double>{2.5}));
  const std::string bytes = Gguf(values, 8, 3, 3);
  const GgufFile file(MappedFile::Borrow("x", AsBytes(bytes)));
  CHECK(file.Int("u8", 0, 300) == 255);
  CHECK(file.Int("i8", -5, 5) == -1);
  CHECK(file.Int("i16", -5, 5) == -2);
  CHECK(file.Number("f32", 0, 2, 0) == 1.5);
  CHECK(file.Number("f64", 0, 3, 0) == 2.5);
  CHECK(file.String("s", "") == "hi");
  CHECK(file.Strings("as")[0] == "abc");
  CHECK(file.Ints("a") == std::vector<int64_t>{0x78787878, 0x78787878});
  CHECK(file.Ints("none").empty());
  CHECK(IsFaultMessage(MessageOf([&] { file.Ints("as"); })));
  CHECK(file.Int("none", 0, 1, 7) == 7);
  CHECK(file.tensors().at("t").bytes.size() == 12);
  CHECK(IsFaultMessage(MessageOf([&] { file.Int("s", 0, 1); })));
  CHECK(IsFaultMessage(MessageOf([&] { file.Int("u8", 0, 1); })));
  CHECK(IsFaultMessage(MessageOf([&] { file.Int("none", 0, 1); })));
}

TEST_CASE("GGUF files that lie are errors") {
  const uint64_t huge = ~uint64_t{0};
  const std::string cases[] = {
      "",
      "GGUF",
      "GGML" + LittleEndian(3, 4),
      "GGUF" + LittleEndian(1, 4) + std::string(64, '\0'),
      "GGUF" + LittleEndian(3, 4) + LittleEndian(huge, 8) + LittleEndian(0, 8),
      "GGUF" + LittleEndian(3, 4) + LittleEndian(0, 8) + LittleEndian(huge, 8),
      Gguf("", 0, 3, 2),
      Gguf("", 0, huge, 3),
      Gguf("", 0, huge / 2, 3),
      Gguf("", 0, 3, 3, 99),
      Gguf("", 0, 3, 3, 0, 1),
      Gguf("", 0, 3, 3, 0, 1 << 20),
      Gguf("", 0, 33, 33, 8),
      Gguf("", 0, 3, 3, 0, huge - 31),
      Gguf(Key("k", 13, ""), 1, 3, 3),
      Gguf(Key("k", 8, LittleEndian(huge, 8)), 1, 3, 3),
      Gguf(Key("k", 9, LittleEndian(9, 4) + LittleEndian(1, 8)), 1, 3, 3),
      Gguf(Key("k", 9, LittleEndian(10, 4) + LittleEndian(huge, 8)), 1, 3, 3),
      Gguf(Key("k", 0, "x") + Key("k", 0, "x"), 2, 3, 3),
      Gguf(Key("general.alignment", 4, LittleEndian(0, 4)), 1, 3, 3),
  };
  for (const std::string& bytes : cases) {
    const std::string message = Message(bytes);
    CAPTURE(message);
    CHECK(IsFaultMessage(message));
  }
}

TEST_CASE("a GGUF cut at any byte or changed anywhere never crashes") {
  const std::string good = Gguf(Key("s", 8, LittleEndian(2, 8) + "hi") +
                                    Key("as", 9, LittleEndian(8, 4) + LittleEndian(1, 8) + LittleEndian(3, 8) + "abc"),
                                2, 3, 3);
  for (size_t size = 0; size < good.size(); ++size) {
    const std::string cut = good.substr(0, size);
    CHECK(IsFaultMessage(Message(cut)));
  }
  std::mt19937 rng(13);
  std::string bytes = good;
  for (int step = 0; step < 20000; ++step) {
    if (step % 5 == 0) bytes = good;
    bytes[rng() % bytes.size()] = static_cast<char>(rng() % 3 ? rng() % 16 : rng());
    try {
      const GgufFile file(MappedFile::Borrow("x", AsBytes(bytes)));
      for (const auto& [name, tensor] : file.tensors()) {
        CHECK(tensor.bytes.data() + tensor.bytes.size() <= AsBytes(bytes).data() + bytes.size());
      }
    } catch (const std::runtime_error&) {
    }
  }
}
