#include "engine/grammar/masks/grammar_constraint.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "engine/grammar/masks/tool_call_constraint.h"
#include "tests/engine/grammar/compile_support.h"
#include "tests/engine/grammar/grammar_runner.h"
#include "tests/server/byte_tokenizer.h"

namespace puna::engine {
namespace {

// The ids that may come next.
std::vector<TokenId> AllowedIds(const TokenVocabulary& vocabulary, TokenConstraint& constraint) {
  std::vector<uint64_t> mask(vocabulary.num_words(), ~uint64_t{0});
  constraint.MaskNext(mask);
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
    if (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) ids.push_back(id);
  }
  return ids;
}

// The tokenizer of the server's tests: a token for each byte, and special ones.
struct Bench {
  Tokenizer tokenizer = server::ByteTokenizer();
  TokenVocabulary vocabulary{tokenizer, tokenizer.vocab_size() + 3};
  MaskCache masks{vocabulary, 64};
  TokenId end = server::kEnd;

  std::vector<TokenId> Allowed(TokenConstraint& constraint) const { return AllowedIds(vocabulary, constraint); }
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
  CHECK(text == "abc");
  REQUIRE(constraint.AcceptText("x"));
  CHECK_FALSE(constraint.AcceptText("x"));
  const std::vector<TokenId> rest = constraint.Forced();
  REQUIRE(rest.size() == 3);
  CHECK(rest.back() == bench.end);
}

TEST_CASE("an id is forced only where it is the only one that may come") {
  // Tokens of one to four bytes: most texts can be written in several ways.
  Bench bench;
  const Tokenizer words = server::WordTokenizer({"ab", "abc", "bc", "\": ", "{\"", "na", "name", "\"}", "true"});
  const TokenVocabulary vocabulary(words, words.vocab_size());
  MaskCache masks(vocabulary, 64);
  const auto grammar = Share(CompileJsonSchema(
      R"({"type":"object","properties":{"name":{"enum":["abc","abd"]},"q":{"const":true}},"required":["name","q"]})"));
  int forced_ids = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random(seed);
    GrammarConstraint constraint(grammar, masks, {server::kEnd});
    const auto allowed = [&] { return AllowedIds(vocabulary, constraint); };
    for (bool ended = false; !ended;) {
      for (const TokenId id : constraint.Forced()) {
        CHECK(allowed() == std::vector<TokenId>{id});
        ended = id == server::kEnd;
        constraint.Accept(id);
        ++forced_ids;
      }
      const std::vector<TokenId> ids = allowed();
      if (ended) break;
      CHECK(ids.size() > 1);
      constraint.Accept(ids[random() % ids.size()]);
    }
  }
  CHECK(forced_ids > 100);
}

TEST_CASE("forced text is guessed as the tokenizer writes it behind what stands there") {
  const Tokenizer words = server::WordTokenizer({"ab", "abc", "bc", "\": ", "{\"", "na", "name", "\"}", "true"});
  const TokenVocabulary vocabulary(words, words.vocab_size());
  MaskCache masks(vocabulary, 64);
  const auto grammar = Share(CompileJsonSchema(
      R"({"type":"object","properties":{"name":{"enum":["abc","abd"]},"q":{"const":true}},"required":["name","q"]})"));
  const auto text_of = [&](const std::vector<TokenId>& ids) {
    std::string text;
    for (const TokenId id : ids) text += vocabulary.TextOf(id);
    return text;
  };
  GrammarConstraint constraint(grammar, masks, {server::kEnd});
  const std::vector<TokenId> begin = constraint.GuessForced({}, 100);
  CHECK(text_of(begin) == "{\"name\": \"ab");
  CHECK(begin == words.Encode("{\"name\": \"ab"));
  CHECK(constraint.CountAccepted(begin) == std::ssize(begin));
  CHECK(constraint.GuessForced({}, 2) == std::vector<TokenId>(begin.begin(), begin.begin() + 2));
  CHECK(constraint.GuessForced({}, 0).empty());
  // The state is where it was, and behind other guesses it is asked of the state behind them.
  CHECK(constraint.GuessForced({}, 100) == begin);
  std::vector<TokenId> behind = begin;
  CHECK(constraint.GuessForced(behind, 100).empty());  // c or d
  behind.push_back(words.Encode("d")[0]);
  CHECK(text_of(constraint.GuessForced(behind, 100)) == "\", \"q\": true}");
  CHECK(constraint.GuessForced(behind, 100).back() == server::kEnd);
  behind.push_back(words.Encode("d")[0]);
  CHECK(constraint.GuessForced(behind, 100).empty());  // does not fit
  // What may come behind guesses.
  std::vector<uint64_t> mask(vocabulary.num_words(), ~uint64_t{0});
  constraint.MaskBehind(begin, mask);
  for (const TokenId id : begin) constraint.Accept(id);
  std::vector<uint64_t> there(vocabulary.num_words(), ~uint64_t{0});
  constraint.MaskNext(there);
  CHECK(mask == there);
}

TEST_CASE("without an end token a form ends where nothing may follow") {
  Bench bench;
  GrammarConstraint constraint(Share(CompileChoice({"ab", "abc"})), bench.masks, {});
  CHECK_FALSE(constraint.ended());
  REQUIRE(constraint.AcceptText("ab"));
  CHECK_FALSE(constraint.ended());
  CHECK(bench.Allowed(constraint) == std::vector<TokenId>{'c'});
  REQUIRE(constraint.AcceptText("c"));
  CHECK(constraint.ended());
  GrammarConstraint ending(Share(CompileChoice({"ab"})), bench.masks, {bench.end});
  REQUIRE(ending.AcceptText("ab"));
  CHECK_FALSE(ending.ended());  // its end token comes yet
}

// What begins calls in Llama's JSON form, <function=...> and Hermes'.
struct CallForms {
  explicit CallForms(const Bench& bench) : bench(bench) {}

  std::vector<ToolCallConstraint::Form> Llama() const { return {{json, nullptr}, {function, &function_tag}}; }
  std::vector<ToolCallConstraint::Form> Hermes() const { return {{hermes, &hermes_tag}}; }
  void Feed(ToolCallConstraint& constraint, std::string_view text) const {
    for (const TokenId id : bench.tokenizer.Encode(text)) constraint.Accept(id);
  }
  std::string Allowed(ToolCallConstraint& constraint) const {
    std::string bytes;
    for (const TokenId id : bench.Allowed(constraint)) bytes += bench.vocabulary.TextOf(id);
    return bytes;
  }

  const Bench& bench;
  std::shared_ptr<const Grammar> json = Share(CompileToolCalls({{"add", ""}}, kLlamaCalls, false));
  std::shared_ptr<const Grammar> function = Share(CompileToolCalls({{"add", ""}}, kFunctionTagCalls, false));
  std::shared_ptr<const Grammar> hermes = Share(CompileToolCalls({{"add", ""}, {"sub", ""}}, kHermesCalls, true));
  TagFinder function_tag{bench.vocabulary, "<function="}, hermes_tag{bench.vocabulary, "<tool_call>"};
};

TEST_CASE("calls are constrained once they begin") {
  const Bench bench;
  const CallForms forms(bench);
  const ToolCallConstraint::Ends ends{{bench.end}, false};
  MaskCache masks(bench.vocabulary, 64);
  const auto llama = [&] { return ToolCallConstraint(forms.Llama(), masks, ends, server::kPythonTag); };
  ToolCallConstraint call = llama();
  forms.Feed(call, "{\"name\"");
  CHECK(call.active());
  CHECK(forms.Allowed(call) == ":");
  forms.Feed(call, ": \"add\", \"parameters\": {}}");
  CHECK(bench.Allowed(call) == std::vector<TokenId>{bench.end});

  ToolCallConstraint text = llama();
  forms.Feed(text, "{\"na");
  CHECK(text.active());
  forms.Feed(text, "tion");
  CHECK_FALSE(text.active());
  forms.Feed(text, "s <function<function");
  CHECK(text.active());  // the next byte may begin a call
  CHECK(forms.Allowed(text).size() == 256);
  forms.Feed(text, "=");
  CHECK(forms.Allowed(text) == "a");
  forms.Feed(text, "add>{}</function>");
  CHECK(bench.Allowed(text) == std::vector<TokenId>{bench.end});

  ToolCallConstraint spaced = llama();
  forms.Feed(spaced, "{ \"name");
  const std::vector<TokenId> quote = bench.tokenizer.Encode("\"");
  CHECK(forms.Allowed(spaced).find('"') == std::string::npos);
  CHECK(spaced.CountAccepted(quote) == 0);

  ToolCallConstraint tagged = llama();
  tagged.Accept(server::kPythonTag);
  CHECK(forms.Allowed(tagged) == "{");
}

TEST_CASE("Hermes' calls are constrained behind any text, and nothing follows them") {
  const Bench bench;
  const CallForms forms(bench);
  MaskCache masks(bench.vocabulary, 64);
  ToolCallConstraint call(forms.Hermes(), masks, {{bench.end}, false}, kNoToken);
  forms.Feed(call, "I shall add. <tool_<tool_call");
  CHECK(forms.Allowed(call).size() == 256);
  CHECK(call.CountAccepted(bench.tokenizer.Encode(">\n{\"na")) == 1);
  forms.Feed(call, ">");
  CHECK(forms.Allowed(call) == "\n");
  CHECK(call.Forced().size() > 8);
  forms.Feed(call, "\n{\"name\": \"");
  CHECK(forms.Allowed(call) == "as");
  forms.Feed(call, "sub\", \"arguments\": {}}\n</tool_call>");
  CHECK(forms.Allowed(call) == "\n");
  CHECK(bench.Allowed(call).size() == 2);
  forms.Feed(call, "\n<tool_call>");
  call.Accept(bench.tokenizer.Encode("\n")[0]);
  CHECK(forms.Allowed(call) == "{");
}

TEST_CASE("with more tokens wanted than the calls have, what follows them is free") {
  const Bench bench;
  const CallForms forms(bench);
  MaskCache masks(bench.vocabulary, 64);
  ToolCallConstraint call(forms.Llama(), masks, {{bench.end}, true}, server::kPythonTag);
  forms.Feed(call, "{\"name\": \"ad");
  CHECK(forms.Allowed(call) == "d");
  forms.Feed(call, "d\", \"parameters\": {}}");
  CHECK(call.Forced().empty());
  CHECK(forms.Allowed(call).size() == 256);
  call.Accept(bench.end);
  CHECK_FALSE(call.active());
  forms.Feed(call, "<function=nobody>");
}

}  // namespace
}  // namespace puna::engine
