#include "server/bench/bench_kernels.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "engine/layers/kernel_rates.h"

namespace puna::server {
namespace {

void PrintJson(const engine::KernelRates& rates, engine::Isa isa) {
  nlohmann::ordered_json json = {
      {"isa", engine::Name(isa)}, {"clock_hz", rates.clock_hz}, {"read_bytes_per_s", rates.read_bytes}};
  json["kernels"] = nlohmann::ordered_json::array();
  for (const engine::KernelRate& r : rates.rates) {
    json["kernels"].push_back({{"weights", engine::Name(r.form)},
                               {"rows", r.rows},
                               {"cached_ops_per_clock", r.cached_operations / rates.clock_hz},
                               {"ceiling_ops_per_clock", r.ceiling / rates.clock_hz},
                               {"memory_bytes_per_s", r.memory_bytes},
                               {"memory_ops_per_s", r.memory_operations}});
  }
  std::puts(json.dump(2).c_str());
}

void PrintTable(const engine::KernelRates& rates, engine::Isa isa) {
  std::printf("%s, one thread, %.2f GHz, a plain read %.1f GB/s\n\n", engine::Name(isa), rates.clock_hz / 1e9,
              rates.read_bytes / 1e9);
  std::printf("                      out of the cache           weights from memory\n");
  std::printf("weights         rows  op/clk  of its ceiling     GB/s  of a read   Gop/s\n");
  for (const engine::KernelRate& r : rates.rates) {
    char share[16] = "-";
    if (r.ceiling > 0) std::snprintf(share, sizeof share, "%.2f", r.cached_operations / r.ceiling);
    std::printf("%-15s %4d  %6.1f  %14s  %7.1f  %9.2f  %6.0f\n", engine::Name(r.form).c_str(), r.rows,
                r.cached_operations / rates.clock_hz, share, r.memory_bytes / 1e9, r.memory_bytes / rates.read_bytes,
                r.memory_operations / 1e9);
  }
}

std::vector<engine::WeightForm> FormsOf(const std::vector<std::string>& names) {
  std::vector<engine::WeightForm> forms;
  for (const std::string& name : names) {
    const auto form = engine::WeightFormOf(name);
    if (!form) throw std::runtime_error("bench: no kernel for \"" + name + "\"; bf16, w8a8, w4a8, int4/32 k min, ...");
    forms.push_back(*form);
  }
  return forms.empty() ? engine::CommonForms() : forms;
}

}  // namespace

const char kKernelBenchText[] =
    R"(measures the products of rows and packed weights, on one thread. The ceiling is what the same instructions do on
registers alone, measured in the same run: for 4 to 6 bits that of 4, for 8 bits that of exact sums.

  puna bench kernels --isa avx2 --rows 1,8 --forms w4a8,"int6/16 k"
)";

const config::OptionTable<KernelBenchOptions>& KernelBenchTable() {
  using O = KernelBenchOptions;
  static const config::OptionTable<O> table = {{
      {"isa", "Options", "SET", "instruction set: auto, or one of those that puna serve --help lists",
       config::TextAt<&O::isa>()},
      {"rows", "Options", "N,N", "numbers of rows", config::IntegersAt<&O::rows>(1, 96)},
      {"forms", "Options", "FORM,FORM", "forms of weights; empty: the usual ones", config::ListAt<&O::forms>()},
      {"json", "Options", "", "print one JSON object", config::SwitchAt<&O::json>()},
  }};
  return table;
}

int RunKernelBench(const KernelBenchOptions& options, const std::function<void(const std::string&)>& progress) {
  const engine::Isa isa = engine::ChooseIsa(options.isa);
  const engine::KernelRates rates = engine::MeasureKernels(FormsOf(options.forms), options.rows, isa, progress);
  options.json ? PrintJson(rates, isa) : PrintTable(rates, isa);
  return 0;
}

}  // namespace puna::server
