// puna bench body: what a chat costs before the engine sees it, from the body's bytes to token ids, on one thread.
#pragma once

#include <string>

#include "config/option.h"

namespace puna::server {

struct BodyBenchOptions {
  std::string model;  // folder with tokenizer and chat template; empty: the embedded demo model
  int kib = 1024;     // of the body
  int runs = 9;       // of which the median counts
  bool json = false;
};

extern const char kBodyBenchText[];  // for --help
const config::OptionTable<BodyBenchOptions>& BodyBenchTable();

// Prints a table or one JSON object; returns the exit status. Throws std::runtime_error.
int RunBodyBench(BodyBenchOptions options);

}  // namespace puna::server
