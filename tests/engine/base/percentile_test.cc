#include "engine/base/percentile.h"

#include <doctest/doctest.h>

namespace puna::engine {
namespace {

TEST_CASE("percentiles are values of the list, by nearest rank") {
  const std::vector<double> values = {50, 15, 40, 20, 35};  // the textbook's five
  CHECK(Percentile(values, 0.05) == 15);
  CHECK(Percentile(values, 0.30) == 20);
  CHECK(Percentile(values, 0.40) == 20);
  CHECK(Percentile(values, 0.50) == 35);
  CHECK(Percentile(values, 1.00) == 50);
  CHECK(Percentile(values, 0) == 15);
  CHECK(Median({2, 1}) == 1);
  CHECK(Percentile({}, 0.5) == 0);
}

}  // namespace
}  // namespace puna::engine
