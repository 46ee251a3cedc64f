#include "engine/request/pooler.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace puna::engine {
namespace {

TEST_CASE("the mean does not depend on how the rows come, and has length 1") {
  const std::vector<float> rows = {1, 2, 0, 5, 2, 2};  // three rows of two: they sum up to (3, 9)
  Pooler whole(Pooling::kMean), parts(Pooling::kMean);
  whole.Add({rows.data(), 3, 2});
  parts.Add({rows.data(), 1, 2});
  CHECK(parts.num_pooled() == 1);
  parts.Add({rows.data() + 2, 2, 2});
  CHECK(parts.num_pooled() == 3);
  CHECK(whole.Result() == parts.Result());
  CHECK(whole.Result()[0] == doctest::Approx(3 / std::sqrt(90.0)));
  CHECK(whole.Result()[1] == doctest::Approx(9 / std::sqrt(90.0)));
}

TEST_CASE("last is the row that came last") {
  const std::vector<float> rows = {1, 2, 3, 4};
  Pooler pooler(Pooling::kLast);
  pooler.Add({rows.data(), 1, 2});
  pooler.Add({rows.data() + 2, 1, 2});
  CHECK(pooler.Result()[0] == doctest::Approx(0.6));
  CHECK(pooler.Result()[1] == doctest::Approx(0.8));
}

TEST_CASE("zeros stay zeros") {
  const std::vector<float> rows = {0, 0};
  Pooler pooler(Pooling::kMean);
  pooler.Add({rows.data(), 1, 2});
  CHECK(pooler.Result() == rows);
}

}  // namespace
}  // namespace puna::engine
