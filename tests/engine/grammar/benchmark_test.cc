#include "engine/grammar/benchmark.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/server/byte_tokenizer.h"

namespace puna::engine {
namespace {

TEST_CASE("the usual schemas compile, and their answers keep to them") {
  const Tokenizer tokenizer = server::ByteTokenizer();
  const TokenVocabulary vocabulary(tokenizer, tokenizer.vocab_size());
  const std::vector<GrammarBenchCase> cases = UsualSchemas();
  const GrammarBenchResult result = BenchmarkGrammar(vocabulary, cases);
  CHECK(result.schemas == cases.size());
  CHECK(result.tokens > 400);
  CHECK(result.forced_tokens > result.tokens / 4);
  CHECK(result.forced_tokens < result.tokens);
  CHECK_THROWS_AS(BenchmarkGrammar(vocabulary, {{R"({"type": "boolean"})", {"maybe"}}}), std::invalid_argument);
}

}  // namespace
}  // namespace puna::engine
