// puna bench tokenizer and grammar: what works on text beside the model.
#pragma once

#include <span>
#include <string>

#include "config/option.h"

namespace puna::server {

struct TextBenchOptions {
  std::string model;      // folder with tokenizer.json; empty: the embedded one
  std::string text_file;  // tokenizer: file to encode; empty: a made-up mix
};

const config::OptionTable<TextBenchOptions>& TokenizerBenchTable();
const config::OptionTable<TextBenchOptions>& GrammarBenchTable();

// Each prints a few lines and returns the exit status. Throw std::runtime_error.
int RunTokenizerBench(TextBenchOptions options);
int RunGrammarBench(TextBenchOptions options);

}  // namespace puna::server
