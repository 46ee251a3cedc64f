// puna bench pace, prefix, guess, context, steps, window: what the scheduler and the cache promise, measured in process, so that
// anybody can measure it again.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "config/engine_config.h"
#include "config/option.h"

namespace puna::server {

struct ScenarioOptions {
  std::string name;  // pace, prefix, guess, context, steps, window, restart, disk-cost or give-up
  config::EngineConfig engine;
  int prompt_tokens = 4096;    // pace: of the long prompt; prefix: of the part in the cache
  int streams = 4;             // pace: that run when the prompt arrives; window: that run
  double itl_target_ms = -1;   // pace: as the server's option
  int new_tokens = 32;         // prefix: behind the cached part
  int depth = 32768;           // context: tokens before those that are computed
  int chunk = 512;             // context: prompt tokens of a step
  int generate = 400;          // guess: tokens of an answer
  int turns = 8;               // window: of 1.5 s each, looked at and not
  std::string disk_path;       // restart, disk-cost, give-up: where the cache lies; empty: here
  double share = 0.95;         // give-up: of the prompt that is computed when the client leaves
  std::string text_file;       // guess: what is written
  std::string tokenizer;       // guess: the model whose it is; empty: the demo model's
  std::vector<double> accept;  // guess: chances of guesses to come true; empty: they are what a text makes them
  bool pard = false;           // guess: the draft model is computed as a PARD model would be
  int draft_prompt = 32;       // guess, with accept: tokens of the prompt
  int rounds = 3;              // guess, with accept: how often each rate is measured
  int cores = 0;               // guess, with accept: of the machine that is computed; 0: none is
  double read_gbs = 0;         // its memory; 0: as here
  bool json = false;
};

// One line of the result.
struct Figure {
  std::string name;  // a JSON key, with its unit at the end
  double value = 0;
  std::string what;  // in words
};

struct Scenario {
  const char *name, *help;
  const config::OptionTable<ScenarioOptions>* table;
};
std::span<const Scenario> Scenarios();

// `progress` is told what is being measured. Throws std::runtime_error.
std::vector<Figure> RunScenario(const ScenarioOptions& options,
                                const std::function<void(const std::string&)>& progress);

}  // namespace puna::server
