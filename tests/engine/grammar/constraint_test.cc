#include "engine/grammar/grammar_constraint.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "engine/grammar/compile.h"
#include "engine/grammar/tool_call_constraint.h"
#include "tests/engine/grammar/grammar_runner.h"
#include "tests/server/byte_tokenizer.h"

namespace puna::engine {
namespace {

// The tokenizer of the server's tests: a token for each byte, and special ones.
struct Bench {
  Tokenizer tokenizer = server::ByteTokenizer();
  TokenVocabulary vocabulary{tokenizer, tokenizer.vocab_size() + 3};
  MaskCache masks{vocabulary, 64};
  TokenId end = server::kEnd;

  std::vector<TokenId> Allowed(TokenConstraint& constraint) const {
    std::vector<uint64_t> mask(vocabulary.num_words(), ~uint64_t{0});
    constraint.MaskNext(mask);
    std::vector<TokenId> ids;
    for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
      if (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) ids.push_back(id);
    }
    return ids;
  }
};

std::shared_ptr<const Grammar> Share(Grammar grammar) { return std::make_shared<const Grammar>(std::move(grammar)); }

TEST_CASE("masks say what the grammar says, and walks end in valid JSON") {
  Bench bench;
  const auto grammar = Share(CompileJsonSchema(
      R"({"type":"object","properties":{"s":{"type":"string","maxLength":4},"n":{"type":"integer","minimum":-20,"maximum":130},
          "l":{"type":"array","items":{"enum":["a","\n",1.5,null]},"minItems":1,"maxItems":3}},"required":["s","l"]})"));
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    GrammarConstraint constraint(grammar, bench.masks, {bench.end});
    std::string text;
    for (int step = 0; step < 400; ++step) {
      const std::vector<TokenId> allowed = bench.Allowed(constraint);
      REQUIRE_FALSE(allowed.empty());
      for (TokenId id = 0; id < bench.vocabulary.vocab_size() && seed == 0; ++id) {
        const std::string next = text + std::string(bench.vocabulary.TextOf(id));
        const bool fits = id == bench.end ? Run(*grammar, text) == Match::kWhole
                                          : !bench.vocabulary.TextOf(id).empty() && Run(*grammar, next) != Match::kNo;
        CHECK(fits == std::binary_search(allowed.begin(), allowed.end(), id));
        CHECK(constraint.CountAccepted(std::vector<TokenId>{id}) == (fits ? 1 : 0));
      }
      const TokenId id = allowed[random() % allowed.size()];
      if (id == bench.end) break;
      constraint.Accept(id);
      text += bench.vocabulary.TextOf(id);
    }
    CAPTURE(text);
    const auto value = nlohmann::json::parse(text);
    CHECK(value.at("l").size() >= 1);
    CHECK(value.at("l").size() <= 3);
    CHECK(value.at("s").is_string());
    if (value.contains("n")) CHECK((value["n"] >= -20 && value["n"] <= 130));
    CHECK(bench.Allowed(constraint) == std::vector<TokenId>{bench.end});
  }
}

TEST_CASE("what is forced is appended without a choice") {
  Bench bench;
  const auto grammar = Share(CompileChoice({"abcdef", "abcxyz"}));
  GrammarConstraint constraint(grammar, bench.masks, {bench.end});
  std::string text;
  for (const TokenId id : constraint.Forced()) {
    constraint.Accept(id);
    text += bench.vocabulary.TextOf(id);
  }
  CHECK(text == "ab");  // the last token is the model's
  REQUIRE(constraint.AcceptText("cx"));
  CHECK_FALSE(constraint.AcceptText("cx"));
  const std::vector<TokenId> rest = constraint.Forced();
  REQUIRE(rest.size() == 3);
  CHECK(rest.back() == bench.end);
}

TEST_CASE("calls are constrained once they begin") {
  Bench bench;
  const auto calls = Share(CompileToolCalls({{"add", ""}}, ToolCallStyle::kLlama, false));
  const auto feed = [&](ToolCallConstraint& c, std::string_view text) {
    for (const TokenId id : bench.tokenizer.Encode(text)) c.Accept(id);
  };
  ToolCallConstraint call(calls, bench.masks, {bench.end}, server::kPythonTag);
  feed(call, "{\"name\"");
  CHECK(call.active());
  CHECK(bench.Allowed(call) == bench.tokenizer.Encode(":"));
  feed(call, ": \"add\", \"parameters\": {}}");
  CHECK(bench.Allowed(call) == std::vector<TokenId>{bench.end});

  ToolCallConstraint text(calls, bench.masks, {bench.end}, server::kPythonTag);
  feed(text, "{\"na");
  CHECK(text.active());
  feed(text, "tion");
  CHECK_FALSE(text.active());

  ToolCallConstraint spaced(calls, bench.masks, {bench.end}, server::kPythonTag);
  feed(spaced, "{ \"name");
  const std::vector<TokenId> quote = bench.tokenizer.Encode("\"");
  const std::vector<TokenId> allowed = bench.Allowed(spaced);
  CHECK(std::find(allowed.begin(), allowed.end(), quote[0]) == allowed.end());
  CHECK(spaced.CountAccepted(quote) == 0);

  ToolCallConstraint tagged(calls, bench.masks, {bench.end}, server::kPythonTag);
  tagged.Accept(server::kPythonTag);
  CHECK(bench.Allowed(tagged) == bench.tokenizer.Encode("{"));
}

}  // namespace
}  // namespace puna::engine
