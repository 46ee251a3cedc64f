// How fast a tokenizer is on a text, on one thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/tokenizer/tokenizer.h"

namespace puna::engine {

struct TokenizerBenchResult {
  size_t bytes = 0;               // of the text
  size_t tokens = 0;              // it has
  int rounds = 0;                 // of encoding and decoding it
  double encode_bytes_per_s = 0;  // median of the rounds
  double decode_bytes_per_s = 0;  // median; streaming, one token at a time
};

// Encodes `corpus` (not empty) and decodes it again, at least three times and for about `seconds`.
TokenizerBenchResult BenchmarkTokenizer(const Tokenizer& tokenizer, std::string_view corpus, double seconds = 2.0);

}  // namespace puna::engine
