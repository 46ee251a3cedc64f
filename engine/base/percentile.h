// The one percentile of all figures, so that the benchmarks' and the reports' compare.
#pragma once

#include <utility>
#include <vector>

namespace puna::engine {

// By nearest rank: one of the values, the smallest that at least `share` of all (0..1) do not exceed; 0 of none.
double Percentile(std::vector<double> values, double share);

inline double Median(std::vector<double> values) { return Percentile(std::move(values), 0.5); }

}  // namespace puna::engine
