// Meta's tokenizer.model.
#include <doctest/doctest.h>

#include "engine/tokenizer/tokenizer.h"
#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

std::string Base64(std::string_view bytes) {
  const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (int k = 0; k < 4; ++k) out.push_back(digits[bits >> (18 - 6 * k) & 63]);
  }
  for (size_t k = bytes.size() % 3; k != 0 && k < 3; ++k) out[out.size() - 3 + k] = '=';
  return out;
}

// The micro tokenizer's base tokens in Meta's layout.
std::string MicroModel() {
  std::string text;
  for (TokenId id = 0; id < 501; ++id)
    text += Base64(test::MicroTokenizer().Bytes(id)) + " " + std::to_string(id) + "\n";
  return text;
}

Tokenizer Load(const std::string& model, int vocab_size = 512) {
  return Tokenizer(ParseTokenizerModel(model, "micro.model", vocab_size));
}

void CheckRefused(const std::string& model, const std::string& part, int vocab_size = 512) {
  std::string error = "no error";
  try {
    Load(model, vocab_size);
  } catch (const std::runtime_error& e) {
    error = e.what();
  }
  CAPTURE(error);
  CHECK(error.find("micro.model: ") == 0);
  CHECK(error.find('\n') == std::string::npos);
  CHECK(error.find("expected ") != std::string::npos);
  CHECK(error.find(part) != std::string::npos);
}

TEST_CASE("the same tokenizer as from the JSON file") {
  const Tokenizer model = Load(MicroModel());
  const Tokenizer& micro = test::MicroTokenizer();
  CHECK(model.vocab_size() == 512);
  CHECK(model.bos_id() == 501);
  for (TokenId id = 0; id < 512; ++id) {
    CHECK(model.Bytes(id) == micro.Bytes(id));
    CHECK(model.IsSpecial(id) == micro.IsSpecial(id));
  }
  for (const nlohmann::json& row : test::ReadJsonLines(test::DataPath("tokens_micro.jsonl"))) {
    const auto text = row["text"].get<std::string>();
    CHECK(model.EncodeWithSpecial(text) == micro.EncodeWithSpecial(text));
    CHECK(model.Encode(text) == micro.Encode(text));
  }
}

TEST_CASE("special tokens fill the vocabulary") {
  const Tokenizer model = Load(MicroModel(), 501 + 256);
  CHECK(model.vocab_size() == 757);
  CHECK(model.SpecialId("<|reserved_special_token_3|>") == 512);
  CHECK(model.SpecialId("<|reserved_special_token_247|>") == 756);
}

TEST_CASE("damaged files are refused") {
  const std::string good = MicroModel();
  CheckRefused("", "all 256 single bytes");
  CheckRefused(good.substr(0, good.size() / 3), "");
  CheckRefused(good + "YWJj\n", "line 502");
  CheckRefused(good + "YWJ 501\n", "line 502");
  CheckRefused(good + "YW!j 501\n", "line 502");
  CheckRefused(good + "=AAA 501\n", "line 502");
  CheckRefused(good + " 501\n", "line 502");
  CheckRefused(good + "==== 501\n", "line 502");
  CheckRefused(good + "eHl6eHl6 502\n", "ranks that count up");
  CheckRefused(good + "eHl6eHl6 7\n", "ranks that count up");
  CheckRefused(good + "eHl6eHl6 -1\n", "ranks that count up");
  CheckRefused(good + "eHl6eHl6 99999999999999999999\n", "ranks that count up");
  CheckRefused(good + "eHl6eHl6 501 \n", "ranks that count up");
  CheckRefused(good + "IQ== 501\n", "each token once");
  CheckRefused(good + Base64(std::string(1025, 'x')) + " 501\n", "1024 bytes");
  CheckRefused(good, "501 base tokens", 511);
  CheckRefused(good, "501 base tokens", -5);
  CheckRefused(good, "501 base tokens", (1 << 20) + 1);
  CheckRefused("{\"model\": {}}", "line 1");
  CheckRefused(std::string(1000, '\0'), "line 1");
}

TEST_CASE("random changes never do more than be refused") {
  std::mt19937 random(3);
  const std::string good = MicroModel();
  for (int round = 0; round < 1000; ++round) {
    std::string text = good.substr(0, round % 2 == 0 ? good.size() : random() % good.size());
    if (!text.empty()) text[random() % text.size()] = static_cast<char>(random());
    try {
      Load(text).Encode("The harbour at noon");
    } catch (const std::runtime_error&) {
    }
  }
}

}  // namespace
}  // namespace puna::engine
