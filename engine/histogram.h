// Histogram: counts of observations in fixed buckets, a plain value that is copied out whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace puna::engine {

// kBounds: the largest value of each bucket, ascending; one more bucket holds what is beyond.
template <const auto& kBounds>
struct Histogram {
  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;

  void Observe(double value) {
    ++counts[static_cast<size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), value) - kBounds.begin())];
    sum += value;
  }
};

inline constexpr std::array<double, 20> kSecondsBounds = {
    0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 25, 60, 180, 600};
inline constexpr std::array<double, 16> kCountBounds = {1,   2,   4,    8,    16,   32,   64,    128,
                                                        256, 512, 1024, 2048, 4096, 8192, 16384, 32768};

using SecondsHistogram = Histogram<kSecondsBounds>;
using CountHistogram = Histogram<kCountBounds>;

}  // namespace puna::engine
