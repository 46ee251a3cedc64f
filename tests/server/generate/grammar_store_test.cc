#include "server/generate/grammar_store.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>

#include "api/json/error.h"
#include "engine/grammar/masks/grammar_constraint.h"
#include "tests/engine/grammar/compile_support.h"
#include "tests/server/byte_tokenizer.h"

namespace puna::server {
namespace {

using engine::kHermesCalls;
using engine::kLlamaCalls;

std::vector<engine::TokenId> Allowed(engine::GrammarConstraint& constraint) {
  std::vector<uint64_t> mask(kPythonTag / 64 + 1, ~uint64_t{0});
  constraint.MaskNext(mask);
  std::vector<engine::TokenId> ids;
  for (engine::TokenId id = 0; id <= kPythonTag; ++id) {
    if (mask[id / 64] >> (id % 64) & 1) ids.push_back(id);
  }
  return ids;
}

// The longest token is one byte here: masks must see beyond it.
TEST_CASE("a call is written with a vocabulary of single bytes") {
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  api::ToolSpec tool;
  tool.name = "f";
  tool.parameters = R"({"type": "object", "properties": {}, "additionalProperties": false})";
  api::Warnings warnings;
  const auto& style = kLlamaCalls;
  const auto grammar = store.FindCalls({tool}, style, /*parallel=*/false, warnings);
  CHECK(store.FindCalls({tool}, style, false, warnings) == grammar);  // compiled once
  CHECK(warnings.empty());
  engine::GrammarConstraint constraint(grammar, store.masks(), {kEnd});
  for (const engine::TokenId id : Ids(R"({"name": "f", "parameters": {}})")) {
    CHECK(Allowed(constraint) == std::vector{id});
    constraint.Accept(id);
  }
  CHECK(Allowed(constraint) == std::vector{kEnd});
}

TEST_CASE("what is compiled counts while it is, and what comes of it afterwards") {
  const auto total = std::make_shared<std::atomic<size_t>>(0);
  const std::string pattern = "(?=[a-y]*z)[a-z]{3,8}";
  {
    engine::Compilation compilation;
    compilation.CountIn(total);
    const engine::Grammar grammar = engine::CompileAnswer({engine::AnswerSpec::Kind::kRegex, pattern}, compilation);
    // The nodes, and the automaton from which they were made.
    CHECK(*total > static_cast<size_t>(grammar.size()) * sizeof(engine::GrammarNode));
  }
  CHECK(*total == 0);
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  const size_t before = store.bytes();
  api::Warnings warnings;
  api::OutputFormat format;
  format.kind = api::OutputFormat::Kind::kRegex;
  format.source = pattern + "(?";
  CHECK_THROWS_AS(store.Find(format, warnings), api::ApiError);
  CHECK(store.bytes() == before);
  format.source = pattern;
  auto grammar = store.Find(format, warnings);
  const size_t kept = store.bytes();
  CHECK(kept > before);
  CHECK(kept < before + 10'000'000);
  store.GiveBack(kept);
  CHECK(store.bytes() >= kept - before);  // the request holds it
  grammar.reset();
  CHECK(store.bytes() <= before);
}

TEST_CASE("a tool that cannot be enforced is told of each time, and refused when it is strict") {
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  api::ToolSpec tool;
  tool.name = "f";
  tool.parameters = R"({"type": "object", "properties": {"a": {"not": {"multipleOf": 7}}}})";
  for (int i = 0; i < 2; ++i) {
    api::Warnings warnings;
    store.FindCalls({tool}, kHermesCalls, true, warnings);
    store.FindCalls({tool}, kHermesCalls, true, warnings);
    REQUIRE(warnings.texts().size() == 1);
    CHECK(warnings.texts()[0].find("tool 'f'") != std::string::npos);
    CHECK(warnings.texts()[0].find("not") != std::string::npos);
  }
  tool.strict = true;
  api::Warnings warnings;
  CHECK_THROWS_AS(store.FindCalls({tool}, kHermesCalls, true, warnings), api::ApiError);
}

TEST_CASE("grammars and masks are counted, given back by age, and stay where somebody uses them") {
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  api::Warnings warnings;
  const auto find = [&](int count) {
    api::OutputFormat format;
    format.kind = api::OutputFormat::Kind::kRegex;
    format.source = "[a-z]{" + std::to_string(count) + "}(foo|bar)+";
    return store.Find(format, warnings);
  };
  CHECK(store.bytes() == 0);
  const std::weak_ptr<const engine::Grammar> oldest = find(3);
  const size_t of_one = store.bytes();
  CHECK(of_one > 1000);
  auto used = find(4);
  const std::weak_ptr<const engine::Grammar> newest = find(5);
  CHECK(store.bytes() > 2 * of_one);
  {
    engine::GrammarConstraint constraint(used, store.masks(), {kEnd});
    const size_t before = store.bytes();
    Allowed(constraint);
    CHECK(store.bytes() > before);
    CHECK(store.masks().bytes() == store.bytes() - before);
  }
  store.GiveBack(store.masks().bytes() + 1);
  CHECK(store.masks().bytes() == 0);
  CHECK(oldest.expired());
  CHECK_FALSE(newest.expired());
  store.GiveBack(1 << 30);
  CHECK(newest.expired());
  CHECK(store.bytes() > 1000);  // of the one that is used
  used.reset();
  CHECK(store.bytes() == 0);
}

TEST_CASE("compiling counts against the request's time") {
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  api::Warnings warnings;
  api::OutputFormat format;
  format.kind = api::OutputFormat::Kind::kJsonSchema;
  format.source = R"({"type": "object"})";
  format.param = "response_format";
  const Deadline past(1, Deadline::Clock::now() - std::chrono::seconds(2));
  try {
    store.Find(format, warnings, past);
    FAIL("expected an error");
  } catch (const api::ApiError& error) {
    CHECK(error.status() == 504);
    CHECK(error.code() == "request_timeout");
  }
  CHECK(store.Find(format, warnings, Deadline(3600)) != nullptr);
  CHECK(store.Find(format, warnings, past) != nullptr);  // it is there
}

}  // namespace
}  // namespace puna::server
