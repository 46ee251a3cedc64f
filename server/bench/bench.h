// puna bench: what this machine makes of a model, each figure beside its limit from the same run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/completion.h"

namespace puna::server {

// Without the word "bench". Prints a table or, with --json, one object. Returns the exit status. Throws ConfigError and
// std::runtime_error.
int RunBench(std::span<const std::string> arguments);

// bench itself and its parts, "bench pace" and so on, for completions and the manual.
std::vector<config::Command> BenchCommands();

}  // namespace puna::server
