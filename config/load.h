// Reads what the operator chose: flags over PUNA_* environment over the JSON config file over the
// defaults.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/config.h"

namespace puna::config {

struct Loaded {
  enum class Want { kRun, kHelp, kHelpMarkdown };
  Want want = Want::kRun;
  Config config;
  std::vector<std::string> warnings;  // one line each, for the log
};

// `arguments` follow the subcommand; `environment` holds NAME=VALUE lines as in environ. One
// argument without dashes is the model. Reads --config's file and the file of keys. Throws
// ConfigError.
Loaded Load(std::span<const std::string> arguments, std::span<const std::string> environment);

}  // namespace puna::config
