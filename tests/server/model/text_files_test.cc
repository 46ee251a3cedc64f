// The tokenizer and the chat template that a .gguf file brings along, against the files that it was made from.
#include "server/model/text_files.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/checkpoint/gguf/gguf_file.h"
#include "server/model/chat_format.h"
#include "server/model/gguf_text_files.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

namespace puna::server {
namespace {

using namespace puna::testing;
using nlohmann::json;

constexpr int kMicroVocab = 512;

std::string Text(const std::string& text) { return LittleEndian(text.size(), 8) + text; }

std::string Key(const std::string& name, uint32_t type, const std::string& value) {
  return Text(name) + LittleEndian(type, 4) + value;
}

std::string Strings(const std::string& name, const std::vector<std::string>& texts) {
  std::string value = LittleEndian(8, 4) + LittleEndian(texts.size(), 8);
  for (const std::string& text : texts) value += Text(text);
  return Key(name, 9, value);
}

std::string Types(const std::vector<int>& types) {
  std::string value = LittleEndian(5, 4) + LittleEndian(types.size(), 8);
  for (const int type : types) value += LittleEndian(static_cast<uint64_t>(type), 4);
  return Key("tokenizer.ggml.token_type", 9, value);
}

engine::GgufFile FileOf(const std::vector<std::string>& keys) {
  std::string bytes = "GGUF" + LittleEndian(3, 4) + LittleEndian(0, 8) + LittleEndian(keys.size(), 8);
  for (const std::string& key : keys) bytes += key;
  return engine::GgufFile(engine::MappedFile::Keep("x.gguf", bytes));
}

std::string ReadAll(const engine::FileSet& files, const std::string& name) {
  const auto file = files.Open(name);
  return {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()};
}

}  // namespace

TEST_CASE("a .gguf file alone has the tokenizer of the checkpoint it was made from") {
  if (!HaveShared("golden/formats/gguf") || !HaveShared("golden/models/a")) return;
  const std::string file = SharedPath("golden/formats/gguf/a1-Q4_0/a1-Q4_0.gguf");
  const engine::Tokenizer ours = LoadTokenizer(TextFiles(file), kMicroVocab);
  const engine::Tokenizer theirs = LoadTokenizer(TextFiles(SharedPath("golden/models/a")), kMicroVocab);
  REQUIRE(ours.vocab_size() == theirs.vocab_size());
  for (engine::TokenId id = 0; id < ours.vocab_size(); ++id) {
    CHECK(ours.Bytes(id) == theirs.Bytes(id));
    CHECK(ours.IsSpecial(id) == theirs.IsSpecial(id));
  }
  CHECK(ours.bos_id() == theirs.bos_id());
  const std::string text = "The quick brown fox,\n\n  12345 <|eot_id|> na\xc3\xafve \xf0\x9f\xa6\x99 isn't";
  CHECK(ours.Encode(text) == theirs.Encode(text));
  CHECK(ours.EncodeWithSpecial(text) == theirs.EncodeWithSpecial(text));
}

TEST_CASE("a folder with one .gguf file finds the chat template inside it") {
  if (!HaveShared("golden/formats/gguf") || !HaveShared("golden/models/a")) return;
  const engine::FileSet files = TextFiles(SharedPath("golden/formats/gguf/c2-Q4_K_M"));
  const json inside = json::parse(ReadAll(files, "tokenizer_config.json"));
  std::ifstream in(SharedPath("golden/models/c/tokenizer_config.json"));
  const json beside = json::parse(in);
  for (const char* key : {"bos_token", "eos_token", "chat_template"}) CHECK(inside.at(key) == beside.at(key));
  CHECK(ChatFormat::Load(files, "").has_value());
}

TEST_CASE("tokenizer and template in a .gguf file count before a stranger's beside it") {
  if (!HaveShared("golden/formats/gguf")) return;
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/m.gguf";
  std::filesystem::copy_file(SharedPath("golden/formats/gguf/a1-Q4_0/a1-Q4_0.gguf"), path);
  std::ofstream(folder.path() + "/tokenizer_config.json") << R"({"chat_template": "mine"})";
  const engine::FileSet files = TextFiles(path);
  CHECK(ReadAll(files, "tokenizer_config.json").find("mine") == std::string::npos);
  CHECK(files.Has("tokenizer.json"));
  const TemporaryFolder copy;
  CopyTextFiles(files, copy.path());
  CHECK(std::filesystem::exists(copy.path() + "/tokenizer.json"));
}

TEST_CASE("a .gguf file is Llama 3's by its tokens, whatever it says of itself, with types or without") {
  if (!HaveShared("cases/models/03")) return;
  const auto tokenizer = [](const std::string& name) {
    return LoadTokenizer(TextFiles(SharedPath("cases/models/03/" + name)), kMicroVocab);
  };
  const engine::Tokenizer good = tokenizer("good");
  const std::string text = "Hello wide world, it's 2026.\n<|eot_id|>";
  for (const std::string name : {"none", "default", "smaug", "no_types"}) {
    CAPTURE(name);
    const engine::Tokenizer other = tokenizer(name);
    CHECK(other.Encode(text) == good.Encode(text));
    CHECK(other.EncodeWithSpecial(text) == good.EncodeWithSpecial(text));
  }
}

TEST_CASE("the tokenizer inside a .gguf file counts before a stranger's that lies beside it") {
  if (!HaveShared("cases/models/04")) return;
  const auto tokenizer = [](const std::string& name) {
    return LoadTokenizer(TextFiles(SharedPath("cases/models/04/" + name)), kMicroVocab);
  };
  const engine::Tokenizer own = tokenizer("alone/first.gguf"), beside = tokenizer("first.gguf");
  const std::string text = "Hello wide world, it's 2026.\n<|eot_id|>";
  CHECK(beside.EncodeWithSpecial(text) == own.EncodeWithSpecial(text));
  CHECK(beside.vocab_size() == own.vocab_size());
  const TemporaryFolder strangers;
  std::filesystem::copy(SharedPath("cases/models/04/tokenizer.json"), strangers.path() + "/tokenizer.json");
  const engine::Tokenizer stranger = LoadTokenizer(engine::FileSet::Folder(strangers.path()), 1 << 20);
  CHECK(stranger.EncodeWithSpecial(text) != own.EncodeWithSpecial(text));  // so that the case can fail
}

TEST_CASE("what begins and ends a text stands in the tokenizer's files, not in names") {
  if (!HaveShared("cases/models/10") || !HaveShared("cases/models/11")) return;
  const auto files = [](const std::string& name) { return TextFiles(SharedPath("cases/models/" + name)); };
  CHECK(LoadTokenizer(files("10/hf"), kMicroVocab).bos_id() == 501);
  CHECK(LoadTokenizer(files("10/gguf"), kMicroVocab).bos_id() == 501);
  const engine::FileSet plain = files("10/hf");
  const TemporaryFolder silent;
  CopyTextFiles(plain, silent.path());
  json config = json::parse(ReadAll(plain, "tokenizer_config.json"));
  config["add_bos_token"] = false;
  std::ofstream(silent.path() + "/tokenizer_config.json") << config.dump();
  CHECK(LoadTokenizer(engine::FileSet::Folder(silent.path()), kMicroVocab).bos_id() == engine::kNoToken);

  const engine::FileSet ends = files("11/hf");
  const engine::Tokenizer tokenizer = LoadTokenizer(ends, kMicroVocab);
  const std::vector<engine::TokenId> ids = EndsOfTurn(ends, tokenizer, {502});
  const std::string eos = json::parse(ReadAll(ends, "tokenizer_config.json"))["eos_token"];
  CHECK(std::find(ids.begin(), ids.end(), tokenizer.SpecialId(eos).value()) != ids.end());
  CHECK(ids.front() == 502);
}

TEST_CASE("added tokens: thousands of them, and those that the table has no row for") {
  if (!HaveShared("cases/models/24") || !HaveShared("cases/models/08")) return;
  CHECK(LoadTokenizer(TextFiles(SharedPath("cases/models/24/hf")), 1 << 20).vocab_size() > 9000);
  const engine::FileSet files = TextFiles(SharedPath("cases/models/08"));
  const engine::Tokenizer tokenizer = LoadTokenizer(files, kMicroVocab);
  CHECK(tokenizer.vocab_size() <= kMicroVocab);
  CHECK_FALSE(tokenizer.SpecialId("[PAD]").has_value());
  for (const engine::TokenId id : tokenizer.EncodeWithSpecial("a [PAD] b")) CHECK(id < kMicroVocab);
}

TEST_CASE("named templates, words that were added, and rows that only fill the table") {
  const engine::GgufFile file =
      FileOf({Key("tokenizer.ggml.model", 8, Text("gpt2")), Key("tokenizer.ggml.pre", 8, Text("llama-bpe")),
              Strings("tokenizer.ggml.tokens", {"a", "b", "<s>", "word", "[PAD]"}), Types({1, 1, 3, 4, 5}),
              Strings("tokenizer.ggml.merges", {"a b"}), Key("tokenizer.ggml.bos_token_id", 4, LittleEndian(2, 4)),
              Strings("tokenizer.chat_templates", {"tool_use"}), Key("tokenizer.chat_template", 8, Text("plain")),
              Key("tokenizer.chat_template.tool_use", 8, Text("tools"))});
  const json tokenizer = json::parse(GgufTokenizerJson(file));
  CHECK(tokenizer["model"]["vocab"] == json{{"a", 0}, {"b", 1}});
  CHECK(tokenizer["model"]["merges"] == json{"a b"});
  CHECK(tokenizer["added_tokens"].size() == 2);
  CHECK(tokenizer["added_tokens"][0]["special"] == true);
  CHECK(tokenizer["added_tokens"][1]["special"] == false);
  const json config = json::parse(GgufTokenizerConfig(file));
  CHECK(config["bos_token"] == "<s>");
  CHECK(!config.contains("eos_token"));
  CHECK(config["chat_template"] ==
        json::array({{{"name", "default"}, {"template", "plain"}}, {{"name", "tool_use"}, {"template", "tools"}}}));
}

TEST_CASE("a .gguf file without a tokenizer has none, and one of another family is an error") {
  CHECK(GgufTokenizerJson(FileOf({})).empty());
  CHECK(GgufTokenizerConfig(FileOf({})) == "{}");
  const std::string tokens = Strings("tokenizer.ggml.tokens", {"a", "a"});
  const std::string model = Key("tokenizer.ggml.model", 8, Text("gpt2")),
                    pre = Key("tokenizer.ggml.pre", 8, Text("llama-bpe"));
  const std::vector<std::string> cases[] = {
      {tokens},
      {tokens, model, Types({1, 1})},
      {tokens, Key("tokenizer.ggml.model", 8, Text("llama")), pre, Types({1, 1})},
      {tokens, model, Key("tokenizer.ggml.pre", 8, Text("gpt-4o")), Types({1, 1})},
      {tokens, model, pre},
      {tokens, model, pre, Types({1})},
      {tokens, model, pre, Types({1, 9})},
      {tokens, model, pre, Types({1, 1})},
  };
  for (const std::vector<std::string>& keys : cases) {
    const std::string message = MessageOf([&] { GgufTokenizerJson(FileOf(keys)); });
    CAPTURE(message);
    CHECK(message.find("x.gguf: tokenizer.ggml.") == 0);
    CHECK(message.find("tokenizer.json beside the file") != std::string::npos);
  }
  const std::string far = Key("tokenizer.ggml.eos_token_id", 4, LittleEndian(2, 4));
  CHECK(MessageOf([&] {
          GgufTokenizerConfig(FileOf({tokens, far}));
        }).find("x.gguf: tokenizer.ggml.eos_token_id") == 0);
}

TEST_CASE("a .gguf file of another family is used with the tokenizer beside it") {
  if (!HaveShared("golden/models/a")) return;
  const TemporaryFolder folder;
  const std::string bytes =
      "GGUF" + LittleEndian(3, 4) + LittleEndian(0, 8) + LittleEndian(1, 8) + Strings("tokenizer.ggml.tokens", {"a"});
  std::ofstream(folder.path() + "/m.gguf", std::ios::binary) << bytes;
  CHECK(MessageOf([&] { TextFiles(folder.path()); }).find("tokenizer.ggml.model") != std::string::npos);
  std::filesystem::copy_file(SharedPath("golden/models/a/tokenizer.json"), folder.path() + "/tokenizer.json");
  CHECK(LoadTokenizer(TextFiles(folder.path()), kMicroVocab).vocab_size() == kMicroVocab);
}

}  // namespace puna::server
