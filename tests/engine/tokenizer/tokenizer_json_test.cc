// Which tokenizer.json files are taken, and what is said of the others.
#include <doctest/doctest.h>

#include <functional>

#include "engine/tokenizer/tokenizer.h"
#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;

const std::string& MicroJson() {
  static const std::string text = test::ReadFile(test::DataPath("tokenizer_micro.json"));
  return text;
}

Tokenizer Changed(const std::function<void(json&)>& change) {
  json file = json::parse(MicroJson());
  change(file);
  return Tokenizer::FromJson(file.dump(), "changed.json");
}

std::string ErrorOf(const std::function<void()>& load) {
  try {
    load();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "no error";
}

// The error must be one line that names the file and has all the parts.
void CheckRefused(const std::string& error, const std::vector<std::string>& parts) {
  CAPTURE(error);
  CHECK(error.find('\n') == std::string::npos);
  CHECK(error.find(": expected ") != std::string::npos);
  CHECK(error.find(", found ") != std::string::npos);
  CHECK(error.find("; ") != std::string::npos);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(error.find(part) != std::string::npos);
  }
}

void CheckRefused(const std::function<void(json&)>& change, const std::vector<std::string>& parts) {
  const std::string error = ErrorOf([&] { Changed(change); });
  CheckRefused(error, parts);
  CHECK(error.find("changed.json: ") == 0);
}

void CheckTextRefused(const std::string& text, const std::vector<std::string>& parts) {
  CheckRefused(ErrorOf([&] { Tokenizer::FromJson(text, "text.json"); }), parts);
}

TEST_CASE("merges as pairs are the same as merges as text") {
  const Tokenizer pairs = Changed([](json& file) {
    for (json& merge : file["model"]["merges"]) {
      const auto text = merge.get<std::string>();
      const size_t space = text.find(' ');
      merge = json::array({text.substr(0, space), text.substr(space + 1)});
    }
  });
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::string text = test::RandomText(random, 60);
    REQUIRE(pairs.Encode(text) == test::MicroTokenizer().Encode(text));
  }
}

TEST_CASE("the order of the keys does not matter, and what only trains or pads is ignored") {
  const std::string vocab = json::parse(MicroJson())["model"]["vocab"].dump();
  json file = json::parse(MicroJson());
  const std::string merges = file["model"]["merges"].dump();
  const std::string text = "{\"model\":{\"merges\":" + merges + ",\"vocab\":" + vocab +
                           ",\"ignore_merges\":true,\"type\":\"BPE\"},\"padding\":[{\"x\":[1,{}]}],"
                           "\"truncation\":{\"max_length\":8}" +
                           ",\"added_tokens\":" + file["added_tokens"].dump() +
                           ",\"decoder\":" + file["decoder"].dump() +
                           ",\"pre_tokenizer\":" + file["pre_tokenizer"].dump() + "}";
  const Tokenizer tokenizer = Tokenizer::FromJson(text, "text.json");
  CHECK(tokenizer.EncodeWithSpecial("The harbourmaster<|eot_id|>") ==
        test::MicroTokenizer().EncodeWithSpecial("The harbourmaster<|eot_id|>"));
}

TEST_CASE("ignore_merges decides whether whole words come first") {
  const std::string word = " harbourmaster";  // no merges lead to this token
  CHECK(test::MicroTokenizer().Encode(word).size() == 1);
  const Ids merged = Changed([](json& file) { file["model"]["ignore_merges"] = false; }).Encode(word);
  CHECK(merged.size() > 1);
  CHECK(Changed([](json& file) { file["model"].erase("ignore_merges"); }).Encode(word) == merged);
}

TEST_CASE("added tokens that are not special are found in trusted text and shown always") {
  const Tokenizer tokenizer = Changed([](json& file) {
    file["added_tokens"].push_back({{"id", 600}, {"content", "<tool_call>"}, {"special", false}});
    file["added_tokens"].push_back(
        {{"id", 80}, {"content", file["model"]["vocab"].items().begin().key()}, {"special", false}});
    file["added_tokens"].back()["id"] = file["model"]["vocab"].items().begin().value();
  });
  CHECK(tokenizer.vocab_size() == 601);
  CHECK(tokenizer.SpecialId("<tool_call>") == 600);
  CHECK_FALSE(tokenizer.IsSpecial(600));
  CHECK(tokenizer.EncodeWithSpecial("<tool_call>") == Ids{600});
  CHECK(tokenizer.Encode("<tool_call>").size() > 1);
  CHECK(tokenizer.Decode(Ids{600}, true) == "<tool_call>");
  CHECK(tokenizer.Bytes(599).empty());  // a hole
}

TEST_CASE("a special token that the vocabulary lists too is not found in plain text") {
  const Tokenizer tokenizer = Changed([](json& file) {
    file["model"]["vocab"]["stopword"] = 700;
    file["added_tokens"].push_back({{"id", 700}, {"content", "stopword"}, {"special", true}});
  });
  CHECK(tokenizer.Encode("stopword") != Ids{700});
  CHECK(tokenizer.EncodeWithSpecial("stopword") == Ids{700});
}

TEST_CASE("other families are refused by name") {
  CheckRefused([](json& f) { f["model"]["type"] = "Unigram"; }, {"model.type", "'BPE'", "'Unigram'", "Llama 3"});
  CheckRefused([](json& f) { f["model"].erase("type"); }, {"model.type", "null"});
  CheckRefused([](json& f) { f["normalizer"] = {{"type", "NFC"}}; }, {"normalizer", "NFC"});
  CheckRefused(
      [](json& f) {
        f["pre_tokenizer"] = {{"type", "ByteLevel"}, {"use_regex", true}};
      },  // GPT-2
      {"pre_tokenizer", "ByteLevel"});
  CheckRefused(
      [](json& f) {  // as Qwen has it: single digits
        auto& regex = f["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"];
        auto pattern = regex.get<std::string>();
        regex = pattern.replace(pattern.find("{1,3}"), 5, "");
      },
      {"pre_tokenizer.pretokenizers[0].pattern.Regex", "Llama 3's pattern"});
  CheckRefused([](json& f) { f["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; },
               {"behavior", "'Removed'"});
  CheckRefused([](json& f) { f["pre_tokenizer"]["pretokenizers"][0]["invert"] = true; }, {"invert", "true"});
  CheckRefused([](json& f) { f["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; }, {"pretokenizers[1]"});
  CheckRefused([](json& f) { f["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; },
               {"pretokenizers[1]"});
  CheckRefused([](json& f) { f["pre_tokenizer"]["pretokenizers"].push_back({{"type", "Digits"}}); }, {"pre_tokenizer"});
  CheckRefused([](json& f) { f["pre_tokenizer"] = nullptr; }, {"pre_tokenizer", "null"});
  CheckRefused([](json& f) { f["decoder"] = {{"type", "Metaspace"}}; }, {"decoder", "Metaspace"});
  CheckRefused([](json& f) { f["model"]["dropout"] = 0.1; }, {"model.dropout", "0.1"});
  CheckRefused([](json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }, {"model.end_of_word_suffix", "</w>"});
  CheckRefused([](json& f) { f["model"]["continuing_subword_prefix"] = "##"; }, {"model.continuing_subword_prefix"});
  CheckRefused([](json& f) { f["added_tokens"][0]["lstrip"] = true; }, {"added_tokens[0].lstrip"});
  CheckRefused([](json& f) { f["added_tokens"][1]["single_word"] = true; }, {"added_tokens[1].single_word"});
}

TEST_CASE("damaged vocabularies are refused") {
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = -1; }, {"model.vocab['a']", "-1"});
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = 1 << 20; }, {"model.vocab['a']", "1048576"});
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = UINT64_MAX; }, {"model.vocab['a']"});
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = 1.5; }, {"model.vocab", "'a'"});
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = json::object(); }, {"model.vocab"});
  CheckRefused([](json& f) { f["model"]["vocab"]["ab\u4e2d"] = 800; }, {"stand for bytes"});
  CheckRefused([](json& f) { f["model"]["vocab"][""] = 800; }, {"1 to 1024 bytes"});
  CheckRefused([](json& f) { f["model"]["vocab"][std::string(1025, 'a')] = 800; }, {"1 to 1024 bytes"});
  CheckRefused([](json& f) { f["model"]["vocab"]["a"] = f["model"]["vocab"]["b"]; }, {"an id of its own"});
  CheckRefused([](json& f) { f["model"]["vocab"].erase("!"); }, {"all 256 single bytes", "byte 33"});
  CheckRefused([](json& f) { f["model"].erase("vocab"); }, {"model.vocab"});
  CheckRefused([](json& f) { f["model"]["vocab"] = json::array({json::array({"a", 0.5})}); }, {"model.vocab"});
  CheckRefused([](json& f) { f["model"] = 5; }, {"model.type"});
  CheckRefused([](json& f) { f = json::array({f}); }, {"object"});
  std::string twice = MicroJson();
  twice.replace(twice.find("\"vocab\": {"), 10, "\"vocab\": {\"a\": 900,");
  CheckTextRefused(twice, {"model.vocab['a']", "once"});
}

TEST_CASE("damaged merges are refused") {
  const auto merge = [](json value) { return [value](json& f) { f["model"]["merges"][3] = value; }; };
  CheckRefused(merge("a"), {"model.merges[3]"});
  CheckRefused(merge("a b c"), {"model.merges[3]"});
  CheckRefused(merge(7), {"model.merges[3]"});
  CheckRefused(merge(json::array({"a"})), {"model.merges[3]"});
  CheckRefused(merge(json::array({"a", "b", "c"})), {"model.merges[3]"});
  CheckRefused(merge(json::array({"a", 1})), {"model.merges[3]"});
  CheckRefused(merge(json::array({"a", json::array()})), {"model.merges[3]"});
  CheckRefused(merge(json::object({{"a", "b"}})), {"model.merges[3]"});
  CheckRefused(merge("zq zq"), {"model.merges[3]", "'zq zq'"});
  CheckRefused(merge(" t"), {"model.merges[3]"});
  CheckRefused(merge("t "), {"model.merges[3]"});
  CheckRefused([](json& f) { f["model"]["merges"][3] = f["model"]["merges"][2]; }, {"model.merges[3]", "once"});
  CheckRefused([](json& f) { f["model"]["merges"] = "x"; }, {"model.merges"});
  CheckRefused([](json& f) { f["model"].erase("merges"); }, {"model.merges"});
}

TEST_CASE("damaged added tokens are refused") {
  const auto change = [](const char* key, json value) {
    return [key, value](json& f) { f["added_tokens"][2][key] = value; };
  };
  CheckRefused(change("id", -4), {"added_tokens[2].id", "-4"});
  CheckRefused(change("id", 1 << 20), {"added_tokens[2].id"});
  CheckRefused(change("id", "7"), {"added_tokens[2].id"});
  CheckRefused(change("id", 501), {"added_tokens", "501"});  // that of added_tokens[0]
  CheckRefused(change("id", 17), {"added_tokens", "17"});    // that of a base token
  CheckRefused(change("content", ""), {"added_tokens[2].content"});
  CheckRefused(change("content", 5), {"added_tokens[2].content"});
  CheckRefused(change("content", std::string(1025, 'x')), {"added_tokens[2].content"});
  CheckRefused(change("content", "<|begin_of_text|>"), {"added_tokens[2].content", "once"});
  CheckRefused(change("special", 1), {"added_tokens[2].special"});
  CheckRefused([](json& f) { f["added_tokens"] = json::object(); }, {"added_tokens"});
  CheckRefused([](json& f) { f["added_tokens"] = json::array({1}); }, {"added_tokens[0]"});
}

TEST_CASE("hostile JSON is refused") {
  CheckTextRefused("", {"text.json", "JSON"});
  CheckTextRefused("null", {"object"});
  CheckTextRefused(std::string(1000000, '['), {"64 deep"});
  CheckTextRefused("{\"normalizer\":" + std::string(100, '[') + std::string(100, ']') + "}", {"64 deep"});
  CheckTextRefused("{\"model\":{\"vocab\":{\"\\ud800\":1}}}", {"JSON"});
  CheckTextRefused("{\"model\":{\"vocab\":{\"\xff\":1}}}", {"JSON"});
  CheckTextRefused("{\"model\":{\"vocab\":{\"a\":1e999}}}", {"JSON"});
  std::string many = "{\"normalizer\":[0";
  for (int i = 0; i < 100000; ++i) many += ",{}";
  CheckTextRefused(many + "]}", {"far more entries"});
  many = "{\"normalizer\":[0";
  for (int i = 0; i < (1 << 20) + 1; ++i) many += ",0";
  CheckTextRefused(many + "]}", {"far more entries"});
}

TEST_CASE("a file cut anywhere, or with any byte changed, is read or refused, never more") {
  std::mt19937 random(3);
  for (size_t size = 0; size < MicroJson().size(); size += 1 + random() % 60) {
    CHECK_THROWS_AS(Tokenizer::FromJson(MicroJson().substr(0, size), "cut"), std::runtime_error);
  }
  for (int round = 0; round < 400; ++round) {
    std::string text = MicroJson();
    text[random() % text.size()] = static_cast<char>(random());
    try {
      const Tokenizer tokenizer = Tokenizer::FromJson(text, "changed");
      tokenizer.EncodeWithSpecial("The harbour at noon <|eot_id|> \u4e2d");
    } catch (const std::runtime_error& e) {
      CHECK(std::string(e.what()).find("changed: ") == 0);
    }
  }
}

TEST_CASE("a file that cannot be read is named") {
  CheckRefused(ErrorOf([] { Tokenizer::FromFile("/nowhere/tokenizer.json"); }), {"/nowhere/tokenizer.json"});
  CheckRefused(ErrorOf([] { Tokenizer::FromFile(PUNA_SOURCE_DIR); }), {PUNA_SOURCE_DIR});
}

}  // namespace
}  // namespace puna::engine
