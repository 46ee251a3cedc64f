#include "server/bench/bench_text.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "engine/grammar/benchmark.h"
#include "engine/tokenizer/benchmark.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/bench/bench_setup.h"

namespace puna::server {
namespace {

config::OptionTable<TextBenchOptions>::Row ModelRow() {
  return {"model", "Options", "MODEL",
          "what puna serve takes, or a folder with tokenizer.json; empty: the embedded one",
          config::TextAt<&TextBenchOptions::model>()};
}

}  // namespace

const config::OptionTable<TextBenchOptions>& TokenizerBenchTable() {
  static const config::OptionTable<TextBenchOptions> table = {{
      ModelRow(),
      {"text", "Options", "FILE", "file to encode; empty: a made-up mix of prose and code",
       config::TextAt<&TextBenchOptions::text_file>()},
  }};
  return table;
}

const config::OptionTable<TextBenchOptions>& GrammarBenchTable() {
  static const config::OptionTable<TextBenchOptions> table = {{ModelRow()}};
  return table;
}

int RunGrammarBench(TextBenchOptions options) {
  const engine::Tokenizer tokenizer = TokenizerForBench(options.model);
  const engine::TokenVocabulary vocabulary(tokenizer, tokenizer.vocab_size());
  const engine::GrammarBenchResult r = engine::BenchmarkGrammar(vocabulary, engine::UsualSchemas());
  std::printf("grammar, one core, %d tokens in the vocabulary\n\n", tokenizer.vocab_size());
  std::printf("compile   %zu schemas: %.2f ms each, %.2f ms at most\n", r.schemas, r.compile_ms_mean, r.compile_ms_max);
  std::printf("forced    %zu of %zu tokens are appended without the model\n", r.forced_tokens, r.tokens);
  std::printf(
      "mask      a token that the model is asked for: %.0f us the first time (%.0f at most), then %.1f us (99th "
      "percentile %.0f)\n",
      r.first_us_mean, r.first_us_max, r.cached_us_mean, r.cached_us_p99);
  return 0;
}

int RunTokenizerBench(TextBenchOptions options) {
  const engine::Tokenizer tokenizer = TokenizerForBench(options.model);
  std::string corpus;
  if (options.text_file.empty()) {
    for (int i = 0; corpus.size() < 4 << 20; ++i) {
      corpus += "The quick brown fox, aged " + std::to_string(i * 37) +
                ", doesn't jump over lazy dogs; it returns `int f(x) {"
                " return x + " +
                std::to_string(i) + "; }`.\n\n";
    }
  } else {
    std::ifstream in(options.text_file, std::ios::binary);
    if (!in) throw std::runtime_error(options.text_file + ": cannot be opened");
    std::ostringstream all;
    all << in.rdbuf();
    corpus = all.str();
  }
  const auto result = engine::BenchmarkTokenizer(tokenizer, corpus);
  std::printf("tokenizer, one core, %zu bytes, %zu tokens: encodes %.1f MB/s, decodes %.1f MB/s\n", result.bytes,
              result.tokens, result.encode_bytes_per_s / 1e6, result.decode_bytes_per_s / 1e6);
  return 0;
}

}  // namespace puna::server
