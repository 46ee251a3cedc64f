// How fast each product of rows and packed weights is, on one thread: out of the cache, and with weights that come from memory,
// beside what its instructions could do at best on registers alone (engine/kernels/ceiling.h) and beside a plain read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/cpu_features.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Of one form of weights and one number of rows, a second; two operations for each product.
struct KernelRate {
  WeightForm form;
  int rows = 0;
  double cached_operations = 0;  // a panel that stays in the second-level cache
  double ceiling = 0;            // 0: the set has no such loop
  double memory_bytes = 0;       // packed weights that are read anew
  double memory_operations = 0;
};

struct KernelRates {
  double clock_hz = 0;    // of a chain of additions, one a clock
  double read_bytes = 0;  // of a plain read
  std::vector<KernelRate> rates;
};

// The forms that are worth a line: bf16, w8a8, w4a8 and what GGUF files have most.
std::vector<WeightForm> CommonForms();

// About a second for each form and five numbers of rows, and a few hundred MiB of memory. `progress` is told what is measured.
KernelRates MeasureKernels(const std::vector<WeightForm>& forms, const std::vector<int>& rows, Isa isa,
                           const std::function<void(const std::string&)>& progress);

}  // namespace puna::engine
