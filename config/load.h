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

// What is done with the files of keys: they are often readable for the service alone, and commands that let nobody in go without.
enum class KeyFiles { kRead, kLeave };

// `arguments` follow the subcommand; `environment` holds NAME=VALUE lines as in environ. One
// argument without dashes is the model. Reads --config's file, and the files of keys. Throws
// ConfigError.
Loaded Load(std::span<const std::string> arguments, std::span<const std::string> environment,
            KeyFiles keys = KeyFiles::kRead);

}  // namespace puna::config
