// puna pack: writes a model down as the runtime holds it, so that puna serve maps it instead of
// loading it.
#pragma once

#include <string>

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

int RunPack(int argc, char** argv);

}  // namespace puna::server
