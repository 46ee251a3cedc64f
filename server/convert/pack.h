// puna pack: writes a model down as the runtime holds it, so that puna serve maps it instead of
// loading it.
#pragma once

#include <span>
#include <string>

#include "config/option.h"

namespace puna::server {

struct PackOptions {
  std::string model;
  std::string out;               // folder; empty: the model's own
  std::string weights = "auto";  // as for puna serve
  std::string isa = "auto";
  int threads = 0;
};

// Writes OUT/puna-packed.bin and, where they are missing, the tokenizer's files. Returns the file's
// path. Throws std::runtime_error.
std::string PackModel(const PackOptions& options);

const config::OptionTable<PackOptions>& PackTable();

// Gives the exit status. Throws ConfigError and std::runtime_error.
int RunPack(std::span<const std::string> arguments);

}  // namespace puna::server
