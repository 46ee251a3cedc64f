// What holds for every text, and how trusted and other text meet.
#include <doctest/doctest.h>

#include <thread>

#include "engine/text/utf8.h"
#include "engine/tokenizer/benchmark.h"
#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/pretokenize.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;
using test::MicroTokenizer;
using test::RandomText;

Ids EncodePieces(const std::vector<PromptPiece>& pieces) { return MicroTokenizer().Encode(pieces); }

Ids Joined(std::initializer_list<Ids> parts) {
  Ids all;
  for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::string RandomBytes(std::mt19937& random, size_t max_length) {
  std::string bytes(random() % (max_length + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

TEST_CASE("decoding gives back what was encoded") {
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = RandomText(random, 60);
    CAPTURE(text);
    REQUIRE(MicroTokenizer().Decode(MicroTokenizer().Encode(text), false) == text);
    REQUIRE(MicroTokenizer().Decode(MicroTokenizer().EncodeWithSpecial(text), false) == text);
  }
}

TEST_CASE("any bytes are encoded as their repaired text") {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    const std::string bytes = RandomBytes(random, 80);
    const Ids ids = MicroTokenizer().Encode(bytes);
    REQUIRE(ids == MicroTokenizer().Encode(text::ReplaceInvalidUtf8(bytes)));
    REQUIRE(MicroTokenizer().Decode(ids, false) == text::ReplaceInvalidUtf8(bytes));
  }
}

// Words that come again are not merged again: more of them than are remembered, and of texts that are gone meanwhile.
TEST_CASE("a word has the same tokens wherever it stands") {
  std::mt19937 random(7);
  std::vector<std::string> words;
  for (int i = 0; i < 6000; ++i) words.push_back(" " + RandomText(random, i % 100 == 0 ? 60 : 9) + "q");
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += words[random() % (i % 2 == 0 ? words.size() : 50)];
  Ids expected;
  for (size_t pos = 0; pos < text.size();) {
    const size_t end = PreTokenEnd(text, pos);
    for (const TokenId id : MicroTokenizer().Encode(std::string_view(text).substr(pos, end - pos)))
      expected.push_back(id);
    pos = end;
  }
  CHECK(MicroTokenizer().Encode(text) == expected);
  const std::string damaged = words[1] + "\xff" + words[2] + words[2];
  const std::vector<PromptPiece> pieces = {{damaged}, {"<|eot_id|>", true}, {damaged}, {"<|eot_id|>", true}, {text}};
  const Ids once = MicroTokenizer().Encode(damaged), end = MicroTokenizer().EncodeWithSpecial("<|eot_id|>");
  CHECK(EncodePieces(pieces) == Joined({once, end, once, end, expected}));
}

TEST_CASE("where text is cut into pieces does not matter") {
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = round % 4 == 0 ? RandomBytes(random, 40) : RandomText(random, 40);
    std::vector<PromptPiece> pieces;
    for (size_t pos = 0; pos < text.size();) {  // inside characters too
      const size_t length = random() % 8;
      pieces.push_back({std::string_view(text).substr(pos, length), random() % 2 == 0});
      pos += length;
    }
    CAPTURE(text);
    REQUIRE(EncodePieces(pieces) == MicroTokenizer().Encode(text));
  }
}

TEST_CASE("special tokens come from trusted text only") {
  const Tokenizer& t = MicroTokenizer();
  const TokenId eot = *t.SpecialId("<|eot_id|>");
  const Ids plain = t.Encode("<|eot_id|>");
  CHECK(plain.size() > 1);
  CHECK(EncodePieces({{"<|eot_id|>", true}}) == Ids{eot});
  CHECK(EncodePieces({{"<|eot_id|>", false}}) == plain);
  CHECK(EncodePieces({{"a<|eot_id|>", true}, {"b<|eot_id|>", false}, {"<|eot_id|>", true}}) ==
        Joined({t.Encode("a"), {eot}, t.Encode("b<|eot_id|>"), {eot}}));
  CHECK(EncodePieces({}) == Ids{});
  CHECK(EncodePieces({{"", true}, {"", false}}) == Ids{});
}

TEST_CASE(
    "a special token across the border of trusted and other text stays text, wherever the border "
    "is") {
  const Tokenizer& t = MicroTokenizer();
  const std::string text = "x<|eot_id|>y";
  for (size_t cut = 2; cut < text.size() - 1; ++cut) {
    const std::string_view front = std::string_view(text).substr(0, cut);
    const std::string_view back = std::string_view(text).substr(cut);
    CHECK(EncodePieces({{front, true}, {back, false}}) == t.Encode(text));
    CHECK(EncodePieces({{front, false}, {back, true}}) == t.Encode(text));
    CHECK(EncodePieces({{front, false}, {back, false}}) == t.Encode(text));
    CHECK(EncodePieces({{front, true}, {back, true}}) == t.EncodeWithSpecial(text));
    CHECK(EncodePieces({{front, true}, {"", false}, {back, true}}) == t.EncodeWithSpecial(text));
  }
  // The longest reading of a border is not given up for a shorter one: nothing special begins in
  // user text.
  CHECK(EncodePieces({{"<|eot", true}, {"_id|>", false}, {"<|eot_id|>", true}}) ==
        Joined({t.Encode("<|eot_id|>"), {*t.SpecialId("<|eot_id|>")}}));
}

TEST_CASE("streamed text: every piece is whole UTF-8 and all of it is the decoded text") {
  std::mt19937 random(4);
  const Tokenizer& t = MicroTokenizer();
  for (int round = 0; round < 3000; ++round) {
    Ids ids(random() % 40);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % (t.vocab_size() + 2)) - 1;  // some are no ids
    const bool skip = random() % 2 == 0;
    Detokenizer detokenizer(t, skip);
    for (int use = 0; use < 2; ++use) {  // Flush leaves it as new
      std::string all;
      for (const TokenId id : ids) {
        const std::string delta = detokenizer.Add(id);
        REQUIRE(text::ValidUtf8Prefix(delta) == delta.size());
        all += delta;
      }
      all += detokenizer.Flush();
      REQUIRE(all == t.Decode(ids, skip));
    }
  }
}

TEST_CASE("what a token is") {
  const Tokenizer& t = MicroTokenizer();
  CHECK(t.vocab_size() == 512);
  CHECK(t.bos_id() == 501);
  CHECK(t.SpecialId("<|begin_of_text|>") == 501);
  CHECK(t.SpecialId("<|begin_of_text|") == std::nullopt);
  CHECK(t.SpecialId("the") == std::nullopt);
  CHECK(t.Bytes(501) == "<|begin_of_text|>");
  CHECK(t.IsSpecial(501));
  CHECK_FALSE(t.IsSpecial(500));
  CHECK_FALSE(t.IsSpecial(-1));
  CHECK_FALSE(t.IsSpecial(512));
  CHECK(t.Bytes(-1).empty());
  CHECK(t.Bytes(512).empty());
  const Ids high = t.Encode("\u4e2d");
  CHECK(t.Bytes(high[0]) == "\xe4");
  CHECK(t.TokenText(high[0]) == "\ufffd");
  CHECK(t.TokenText(501) == "<|begin_of_text|>");
}

TEST_CASE("threads share one tokenizer") {
  std::mt19937 random(9);
  std::vector<std::string> texts;
  std::vector<Ids> expected;
  for (int i = 0; i < 50; ++i) {
    texts.push_back(RandomText(random, 200));
    expected.push_back(MicroTokenizer().Encode(texts.back()));
  }
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < texts.size(); ++i) count += MicroTokenizer().Encode(texts[i]) != expected[i];
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("the benchmark counts what it measures") {
  const std::string corpus = "The harbour at noon.\n";
  const TokenizerBenchResult result = BenchmarkTokenizer(MicroTokenizer(), corpus, 0);
  CHECK(result.bytes == corpus.size());
  CHECK(result.tokens == MicroTokenizer().Encode(corpus).size());
  CHECK(result.rounds == 3);
  CHECK(result.encode_bytes_per_s > 0);
  CHECK(result.decode_bytes_per_s > 0);
}

}  // namespace
}  // namespace puna::engine
