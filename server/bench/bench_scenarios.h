// puna bench pace, prefix, guess, context: what the scheduler and the cache promise, measured in process, so that
// anybody can measure it again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/engine_config.h"

namespace CLI {
class App;
}

namespace puna::server {

struct ScenarioOptions {
  std::string name;  // pace, prefix, guess or context
  config::EngineConfig engine;
  int prompt_tokens = 4096;   // pace: of the long prompt; prefix: of the part in the cache
  int streams = 4;            // pace: that run when the prompt arrives
  double itl_target_ms = -1;  // pace: as the server's option
  int new_tokens = 32;        // prefix: behind the cached part
  int depth = 32768;          // context: tokens before those that are computed
  int chunk = 512;            // context: prompt tokens of a step
  int generate = 400;         // guess: tokens of an answer
  std::string text_file;      // guess: what is written
  std::string tokenizer;      // guess: folder of the tokenizer; empty: the demo model's
};

// One line of the result.
struct Figure {
  std::string name;  // a JSON key, with its unit at the end
  double value = 0;
  std::string what;  // in words
};

// The subcommands, which fill options.name when one of them is parsed.
void AddScenarios(CLI::App& bench, ScenarioOptions& options);

// `progress` is told what is being measured. Throws std::runtime_error.
std::vector<Figure> RunScenario(const ScenarioOptions& options,
                                const std::function<void(const std::string&)>& progress);

}  // namespace puna::server
