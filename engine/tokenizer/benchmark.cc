#include "engine/tokenizer/benchmark.h"

#include <chrono>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/percentile.h"
#include "engine/tokenizer/detokenizer.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

size_t StreamedLength(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(tokenizer, /*skip_special_tokens=*/false);
  size_t length = 0;
  for (const TokenId id : ids) length += detokenizer.Add(id).size();
  return length + detokenizer.Flush().size();
}

}  // namespace

TokenizerBenchResult BenchmarkTokenizer(const Tokenizer& tokenizer, std::string_view corpus, double seconds) {
  PUNA_CHECK(!corpus.empty());
  TokenizerBenchResult result;
  result.bytes = corpus.size();
  std::vector<double> encode_seconds, decode_seconds;
  const auto start = Clock::now();
  while (encode_seconds.size() < 3 || SecondsSince(start) < seconds) {
    const auto encode_start = Clock::now();
    const std::vector<TokenId> ids = tokenizer.Encode(corpus);
    encode_seconds.push_back(SecondsSince(encode_start));
    const auto decode_start = Clock::now();
    const size_t decoded = StreamedLength(tokenizer, ids);
    decode_seconds.push_back(SecondsSince(decode_start));
    PUNA_CHECK(decoded >= corpus.size()) << "decoding lost text";
    result.tokens = ids.size();
  }
  result.rounds = static_cast<int>(encode_seconds.size());
  result.encode_bytes_per_s = static_cast<double>(corpus.size()) / Median(encode_seconds);
  result.decode_bytes_per_s = static_cast<double>(corpus.size()) / Median(decode_seconds);
  return result;
}

}  // namespace puna::engine
