// The goldens of the project: ids and detokenised text made by two independent reference tokenizers
// that agree.
#include <doctest/doctest.h>

#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/engine/tokenizer/support.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

using nlohmann::json;
using test::DataPath;
using testing::HaveShared;
using testing::SharedPath;
using Ids = std::vector<TokenId>;

std::string FromBase64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return out;
}

void CheckTokens(const Tokenizer& tokenizer, const std::string& path, size_t expected_rows) {
  const std::vector<json> rows = test::ReadJsonLines(path);
  CHECK(rows.size() == expected_rows);
  for (const json& row : rows) {
    CAPTURE(row.dump());
    const auto text = row.contains("bytes_base64") ? FromBase64(row["bytes_base64"]) : row["text"].get<std::string>();
    const auto with_bos = [&](Ids ids) {
      if (row["add_bos"].get<bool>()) ids.insert(ids.begin(), tokenizer.bos_id());
      return ids;
    };
    const auto plain = row.contains("ids_plain") ? row["ids_plain"].get<Ids>() : row["ids"].get<Ids>();
    CHECK(with_bos(tokenizer.EncodeWithSpecial(text)) == row["ids"].get<Ids>());
    CHECK(with_bos(tokenizer.Encode(text)) == plain);
    CHECK(tokenizer.Decode(tokenizer.Encode(text), false) == row["text"].get<std::string>());
  }
}

void CheckDecoding(const Tokenizer& tokenizer, const std::string& path, size_t expected_rows) {
  const std::vector<json> rows = test::ReadJsonLines(path);
  CHECK(rows.size() == expected_rows);
  for (const json& row : rows) {
    CAPTURE(row.dump());
    const bool skip = row["skip_special_tokens"].get<bool>();
    const auto ids = row["ids"].get<Ids>();
    Detokenizer detokenizer(tokenizer, skip);
    std::vector<std::string> deltas;
    for (const TokenId id : ids) deltas.push_back(detokenizer.Add(id));
    CHECK(deltas == row["deltas"].get<std::vector<std::string>>());
    CHECK(detokenizer.Flush() == row["flush"].get<std::string>());
    CHECK(tokenizer.Decode(ids, skip) == row["text"].get<std::string>());
  }
}

TEST_CASE("micro tokenizer: ids of every golden text") {
  CheckTokens(test::MicroTokenizer(), DataPath("tokens_micro.jsonl"), 558);
}

TEST_CASE("micro tokenizer: every golden decoding, whole and streamed") {
  CheckDecoding(test::MicroTokenizer(), DataPath("decode_micro.jsonl"), 270);
}

void CheckReal(const Tokenizer& tokenizer) {
  CHECK(tokenizer.vocab_size() == 128256);
  CHECK(tokenizer.bos_id() == 128000);
  CHECK(tokenizer.SpecialId("<|eot_id|>") == 128009);
  CHECK(tokenizer.SpecialId("<|step_id|>") == std::nullopt);
  CHECK(tokenizer.Bytes(128255) == "<|reserved_special_token_247|>");
  if (!HaveShared("golden/tokenizer/tokens.jsonl")) return;
  CheckTokens(tokenizer, SharedPath("golden/tokenizer/tokens.jsonl"), 580);
  CheckDecoding(tokenizer, SharedPath("golden/tokenizer/decode.jsonl"), 314);
}

TEST_CASE("Llama 3's tokenizer.json: every golden") {
  if (!HaveShared("tokenizer/tokenizer.json")) return;
  CheckReal(Tokenizer::FromFile(SharedPath("tokenizer/tokenizer.json")));
}

TEST_CASE("Llama 3's tokenizer.model: every golden") {
  if (!HaveShared("tokenizer/tokenizer.model")) return;
  CheckReal(Tokenizer::FromTiktoken(SharedPath("tokenizer/tokenizer.model"), 128256));
}

TEST_CASE("Llama 3's two files give the same ids") {
  if (!HaveShared("tokenizer/tokenizer.json") || !HaveShared("tokenizer/tokenizer.model")) return;
  const Tokenizer from_json = Tokenizer::FromFile(SharedPath("tokenizer/tokenizer.json"));
  const Tokenizer from_model = Tokenizer::FromTiktoken(SharedPath("tokenizer/tokenizer.model"), 128256);
  for (TokenId id = 0; id < 128256; ++id) REQUIRE(from_json.Bytes(id) == from_model.Bytes(id));
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = test::RandomText(random, 120);
    CAPTURE(text);
    CHECK(from_json.Encode(text) == from_model.Encode(text));
  }
}

}  // namespace
}  // namespace puna::engine
