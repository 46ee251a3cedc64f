// What a grammar costs beside the model, on one thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/grammar/masks/token_trie.h"

namespace puna::engine {

// A schema and answers that keep to it, as JSON without space but behind ':' and ','.
struct GrammarBenchCase {
  std::string schema;
  std::vector<std::string> answers;
};
// Usual ones: a record, a list of records, a function's arguments, recursion, patterns and formats.
std::vector<GrammarBenchCase> UsualSchemas();

struct GrammarBenchResult {
  size_t schemas = 0;
  double compile_ms_mean = 0, compile_ms_max = 0;
  size_t tokens = 0;         // of the answers
  size_t forced_tokens = 0;  // of them, appended without the model
  // For each token that the model is asked for: the mask before it and the step behind it.
  double first_us_mean = 0, first_us_max = 0;    // with no mask in the cache
  double cached_us_mean = 0, cached_us_p99 = 0;  // when the same has been asked before
};

// Throws GrammarError for a schema that cannot be compiled, std::invalid_argument for an answer that
// does not keep to it.
GrammarBenchResult BenchmarkGrammar(const TokenVocabulary& vocabulary, const std::vector<GrammarBenchCase>& cases);

}  // namespace puna::engine
