// random:NAME[:SEED]: a model of a known shape whose weights are made up row by row as they are read. For benchmarks
// without a download, and for tests.
#pragma once

#include <string>

#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// spec: "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "llama-3.3-70b" or "tiny", then optionally ":SEED" (default 0).
// Weights are bf16, uniform with standard deviation 1 / sqrt(cols), the same for the same seed on every machine; norms
// are 1. There is no tokenizer and there are no end tokens: a server must bring a tokenizer whose ids are below
// vocab_size (the embedded demo model's is), and the text is as random as the weights.
// Throws std::runtime_error for another name or seed.
Checkpoint OpenRandomCheckpoint(const std::string& spec);

}  // namespace puna::engine
