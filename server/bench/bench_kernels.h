// puna bench kernels: every product of rows and weights beside the limits of its instructions and of memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/option.h"

namespace puna::server {

struct KernelBenchOptions {
  std::string isa = "auto";
  std::vector<int> rows = {1, 2, 4, 8, 16, 96};
  std::vector<std::string> forms;  // names of weight forms; empty: the usual ones
  bool json = false;
};

extern const char kKernelBenchText[];  // for --help
const config::OptionTable<KernelBenchOptions>& KernelBenchTable();

// Prints a table or one JSON object; returns the exit status. Throws std::runtime_error.
int RunKernelBench(const KernelBenchOptions& options, const std::function<void(const std::string&)>& progress);

}  // namespace puna::server
