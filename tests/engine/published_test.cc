#include "engine/published.h"

#include <doctest/doctest.h>

#include <array>
#include <thread>

#include "engine/histogram.h"

namespace puna::engine {
namespace {

struct Value {
  std::array<uint64_t, 50> numbers;
};

TEST_CASE("readers see whole values, and never an older one after a newer") {
  Published<Value> published({});
  std::jthread writer([&](std::stop_token stop) {
    for (uint64_t i = 1; !stop.stop_requested(); ++i) {
      Value value;
      value.numbers.fill(i);
      published.Set(value);
    }
  });
  uint64_t last = 0, torn = 0, backwards = 0;
  for (int i = 0; i < 20000; ++i) {
    const Value value = published.Get();
    for (const uint64_t number : value.numbers) torn += number != value.numbers[0];
    backwards += value.numbers[0] < last;
    last = value.numbers[0];
  }
  CHECK(torn == 0);
  CHECK(backwards == 0);
}

TEST_CASE("a histogram's buckets hold what is up to their bound") {
  CountHistogram histogram;
  for (const double value : {0.0, 1.0, 1.5, 2.0, 32768.0, 40000.0}) histogram.Observe(value);
  CHECK(histogram.counts.front() == 2);
  CHECK(histogram.counts[1] == 2);
  CHECK(histogram.counts[histogram.counts.size() - 2] == 1);
  CHECK(histogram.counts.back() == 1);
  CHECK(histogram.sum == 72772.5);
}

}  // namespace
}  // namespace puna::engine
