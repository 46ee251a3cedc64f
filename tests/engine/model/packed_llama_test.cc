// A model mapped from puna-packed.bin is the model that was packed, to the bit; a file that is not
// right is refused by name.
#include "engine/model/packed_llama.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "engine/checkpoint/files/content_hash.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/checkpoint/packed/packed_prefix.h"
#include "tests/support/llama_runner.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_checkpoint.h"

namespace puna::engine {
namespace {

using testing::TemporaryFolder;

std::vector<std::vector<float>> Logits(Model& model, int tokens) {
  model.AllocateKvCache(4);
  std::vector<TokenId> ids(tokens);
  for (int i = 0; i < tokens; ++i) ids[i] = (i * 37 + 5) % model.vocab_size();
  std::vector<int32_t> wanted(tokens);
  std::iota(wanted.begin(), wanted.end(), 0);
  const std::vector<BlockId> table = {2, 0, 3, 1};
  const SequenceChunk sequence{0, tokens, 0, table};
  const auto logits = model.Forward({ids, {&sequence, 1}, wanted});
  std::vector<std::vector<float>> rows;
  for (int r = 0; r < tokens; ++r) rows.emplace_back(logits.row(r), logits.row(r) + logits.cols);
  return rows;
}

LlamaOptions OptionsFor(std::optional<WeightFormat> format) { return {format, DetectIsa(), 2, 32}; }

std::string Pack(const std::string& source, const TemporaryFolder& to, std::optional<WeightFormat> format,
                 std::vector<PackedOrigin> origins = {}) {
  const std::string path = to.path() + "/" + kPackedFileName;
  WritePackedLlama(OpenCheckpoint(source), path, std::move(origins), OptionsFor(format), {});
  return path;
}

void CheckSame(const std::string& source, std::optional<WeightFormat> format) {
  CAPTURE(source);
  const TemporaryFolder folder;
  const auto packed = PackedFile::Open(Pack(source, folder, format));
  const auto mapped = LoadPackedLlama(packed, OptionsFor(std::nullopt), {});
  const auto loaded = LoadLlama(OpenCheckpoint(source), OptionsFor(format), {});
  CHECK(mapped->Format() == loaded->Format());
  CHECK(mapped->weight_bytes() == loaded->weight_bytes());
  CHECK(mapped->mapped_bytes() > loaded->weight_bytes() * 9 / 10);
  CHECK(loaded->mapped_bytes() == 0);
  CHECK(mapped->Fingerprint() == loaded->Fingerprint());
  CHECK(Logits(*mapped, 20) == Logits(*loaded, 20));
}

TEST_CASE(
    "a packed model gives the same bits as the one that it was made from, in every format, tied or "
    "not") {
  for (const bool tied : {true, false}) {
    testing::TinyModel shape;
    shape.tied = tied;
    shape.head_dim = 32;
    shape.ffn = 96;  // the last panel is half empty
    const TemporaryFolder source(testing::TinyCheckpointFiles(shape));
    for (const auto format : {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8})
      CheckSame(source.path(), format);
  }
}

TEST_CASE("online rotation, asymmetric activations and adaptors are packed as well") {
  if (!testing::HaveShared("golden/formats")) return;
  for (const char* name : {"spinquant_int4_eo8", "qlora_int4_eo8", "ct_w8a8"}) {
    CheckSame(testing::SharedPath("golden/formats/") + name, std::nullopt);
  }
}

TEST_CASE(
    "files of several forms are packed in them: q, k and v, gate and up of different ones, and a head of its own") {
  if (!testing::HaveShared("golden/formats")) return;
  for (const char* name : {"gguf/k1-every-type", "gguf/k2-Q4_K_M", "mlx_mixed", "gptq_v2_asym", "gptq_act_order"}) {
    CheckSame(testing::SharedPath("golden/formats/") + name, std::nullopt);
  }
}

TEST_CASE("the configuration survives") {
  const TemporaryFolder folder;
  const std::string path = Pack("random:tiny", folder, WeightFormat::kW4A8);
  const Checkpoint source = OpenCheckpoint("random:tiny");
  const auto packed = PackedFile::Open(path);
  const PackedInfo& info = packed->info();
  CHECK(info.name == source.name);
  CHECK(info.weights == "w4a8");
  CHECK(info.head_weights == "w8a8");
  CHECK(info.config.hidden_size == source.config.hidden_size);
  CHECK(info.config.rope_theta == source.config.rope_theta);
  CHECK(info.config.rope_scaling.has_value() == source.config.rope_scaling.has_value());
  CHECK(info.config.tie_word_embeddings == source.config.tie_word_embeddings);
  CHECK(info.config.eos_token_ids == source.config.eos_token_ids);
}

// --- What must be refused.

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string Refusal(const TemporaryFolder& folder, const std::string& bytes, std::optional<WeightFormat> weights = {}) {
  folder.Write(kPackedFileName, bytes);
  try {
    LoadPackedLlama(PackedFile::Open(folder.path() + "/" + kPackedFileName), OptionsFor(weights), {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

// The file with its header's text changed and its checksum mended.
std::string WithHeader(std::string bytes, const std::string& from, const std::string& to) {
  PackedPrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  std::string header = bytes.substr(prefix.header_offset);
  const size_t at = header.find(from);
  REQUIRE(at != std::string::npos);
  header.replace(at, from.size(), to);
  prefix.header_bytes = header.size();
  prefix.header_hash = ContentHash(std::as_bytes(std::span(header)));
  std::memcpy(bytes.data(), &prefix, sizeof prefix);
  return bytes.substr(0, prefix.header_offset) + header;
}

#define CHECK_TELLS(text, part)                        \
  do {                                                 \
    const std::string refusal = (text);                \
    CAPTURE(refusal);                                  \
    CHECK(refusal.find(part) != std::string::npos);    \
    CHECK(refusal.find("again") != std::string::npos); \
  } while (false)

TEST_CASE("truncated, foreign and damaged files are refused with what to do") {
  const TemporaryFolder folder;
  const std::string good = ReadFile(Pack("random:tiny", folder, WeightFormat::kW4A8));
  CHECK(Refusal(folder, good) == "none");
  CHECK_TELLS(Refusal(folder, ""), "PUNAPACK");
  CHECK_TELLS(Refusal(folder, "some other file, longer than a prefix is, and of no use here"), "PUNAPACK");
  for (const size_t size : {size_t{47}, size_t{48}, size_t{5000}, good.size() / 2, good.size() - 1}) {
    CHECK_TELLS(Refusal(folder, good.substr(0, size)), "expected");
  }
  std::string version = good;
  version[8] = 9;
  CHECK_TELLS(Refusal(folder, version), "version: expected 1, found 9");
  std::string flipped = good;
  flipped[flipped.size() - 20] ^= 1;
  CHECK_TELLS(Refusal(folder, flipped), "checksum");
  std::string offset = good;
  std::memset(offset.data() + 16, 0xff, 8);
  CHECK_TELLS(Refusal(folder, offset), "to lie within the file");
}

TEST_CASE("one flipped bit in any section, at its ends or between them, is found and the section named") {
  const TemporaryFolder folder;
  const std::string path = Pack("random:tiny", folder, WeightFormat::kW4A8);
  const std::string good = ReadFile(path);
  std::vector<std::pair<std::string, PackedSection>> sections;
  {
    const auto packed = PackedFile::Open(path);
    for (const std::string& name : packed->SectionNames()) sections.emplace_back(name, packed->Section(name));
  }
  REQUIRE(sections.size() > 10);
  for (const auto& [name, section] : sections) {
    for (const int64_t at : {int64_t{0}, section.bytes / 2, section.bytes - 1}) {
      std::string flipped = good;
      flipped[section.offset + at] ^= 4;
      CHECK_TELLS(Refusal(folder, flipped), name + ": expected its checksum, found another");
    }
  }
}

TEST_CASE("a file of the first versions, whose sections have no checksums, is run as it is") {
  const TemporaryFolder folder;
  std::string bytes = ReadFile(Pack("random:tiny", folder, WeightFormat::kW4A8));
  const std::string hash =
      HashText(PackedFile::Open(folder.path() + "/" + kPackedFileName)->Section("norm").hash.value());
  bytes = WithHeader(bytes, ",\"hash\":\"" + hash + "\"", "");
  CHECK(Refusal(folder, bytes) == "none");
}

TEST_CASE("a header that lies about its sections is refused") {
  const TemporaryFolder folder;
  const std::string good = ReadFile(Pack("random:tiny", folder, WeightFormat::kW4A8));
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"layers.0.o_proj\"", "\"layers.9.o_proj\"")), "layers.0.o_proj");
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"bytes\":", "\"bytes\":9")), "within the file");
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"offset\":4096", "\"offset\":4100")), "multiple of 4096");
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"layout\":1", "\"layout\":2")), "layout");
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"weights\":\"w4a8\"", "\"weights\":\"w8a8\"")),
              "weights: expected w4a8, found w8a8");
  CHECK_TELLS(Refusal(folder, WithHeader(good, "\"hidden_size\":", "\"hidden_size\":1")), "expected");
  CHECK_TELLS(Refusal(folder, good, WeightFormat::kBf16), "weights: expected bf16, found w4a8");
}

TEST_CASE(
    "a file beside it that is no longer the one it was made from is noticed; another date alone is "
    "none") {
  const TemporaryFolder folder(testing::TinyCheckpointFiles({.head_dim = 32}));
  const auto packed = PackedFile::Open(Pack(folder.path(), folder, WeightFormat::kW8A8, OriginsIn(folder.path())));
  REQUIRE(packed->info().origins.size() == 2);  // config.json and model.safetensors, not the packed file
  CHECK_NOTHROW(packed->CheckOrigins());
  const std::string weights = ReadFile(folder.path() + "/model.safetensors");
  folder.Write("model.safetensors", weights);
  CHECK_NOTHROW(packed->CheckOrigins());
  std::string changed = weights;
  changed.back() ^= 1;
  folder.Write("model.safetensors", changed);
  std::filesystem::last_write_time(folder.path() + "/model.safetensors", std::filesystem::file_time_type::clock::now());
  CHECK_THROWS_WITH_AS(packed->CheckOrigins(), doctest::Contains("other contents"), std::runtime_error);
  folder.Write("model.safetensors", weights + " ");
  CHECK_THROWS_WITH_AS(packed->CheckOrigins(), doctest::Contains("model.safetensors"), std::runtime_error);
  std::filesystem::remove(folder.path() + "/model.safetensors");
  CHECK_NOTHROW(packed->CheckOrigins());
}

TEST_CASE("the layout has a number that changes with it") {
  // If this fails, the packed bytes of a model have changed: raise kPackedLayout, mend FORMAT.md, then note the new
  // value here.
  const TemporaryFolder folder;
  uint64_t hashes = 0;
  for (const auto format : {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8}) {
    const auto packed = PackedFile::Open(Pack("random:tiny", folder, format));
    for (const char* name :
         {"layers.0.qkv_proj", "layers.1.gate_up_proj", "embed_tokens", "layers.1.input_layernorm"}) {
      hashes = hashes * 31 + ContentHash(packed->Bytes(packed->Section(name)));
    }
  }
  CHECK(HashText(hashes) == "f8d5716b74002574");
}

TEST_CASE("the layout of group forms has that number, too") {
  if (!testing::HaveShared("golden/formats")) return;
  const TemporaryFolder folder;
  const auto packed =
      PackedFile::Open(Pack(testing::SharedPath("golden/formats/gguf/k1-every-type"), folder, std::nullopt));
  uint64_t hashes = 0;
  for (const char* name :
       {"qkv_proj.0", "qkv_proj.1", "qkv_proj.2", "o_proj", "gate_up_proj.0", "gate_up_proj.1", "down_proj"}) {
    hashes = hashes * 31 + ContentHash(packed->Bytes(packed->Section(std::string("layers.0.") + name)));
  }
  CHECK(HashText(hashes) == "f12bc6fc15199df8");
}

}  // namespace
}  // namespace puna::engine
