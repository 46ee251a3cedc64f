// puna pull, list, show and rm: the models that have names.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace puna::server {

// Each takes what its command was given, and gives the exit status. They print to standard output; progress goes to standard error.
// Throw std::runtime_error.
int RunPull(const config::EngineConfig& config);
int RunList();
int RunShow(config::EngineConfig config);
int RunRm(const std::vector<std::string>& names);

}  // namespace puna::server
