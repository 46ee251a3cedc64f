// Where a prompt leaves what the cache knows, and what stood there.
#include <doctest/doctest.h>

#include "engine/scheduler/scheduler.h"
#include "tests/support/plans.h"

namespace puna::engine {
namespace {

Usage Run(Scheduler& scheduler, Ids prompt, bool explain = true, const std::string& salt = "") {
  Request request = MakeRequest(std::move(prompt), 1);
  request.explain_cache = explain;
  request.cache_salt = salt;
  scheduler.Add(std::move(request));
  while (!scheduler.idle()) Step(scheduler);
  return scheduler.TakeFinished().at(0)->finish->usage;
}

TEST_CASE("the first difference is told with what stood there, and only to whoever asks") {
  Scheduler scheduler(MakeOptions());
  CHECK(Run(scheduler, Range(0, 100)).difference == nullptr);  // nothing is known yet
  Ids other = Range(0, 100);
  for (int i = 38; i < 100; ++i) other[i] = 500 + i;
  CHECK(Run(scheduler, other, /*explain=*/false).difference == nullptr);
  other[38] = 7;
  const Usage usage = Run(scheduler, other);
  CHECK(usage.cached_tokens == 38);
  CHECK(usage.copied_tokens == 6);
  REQUIRE(usage.difference != nullptr);
  CHECK(usage.difference->position == 38);
  CHECK(usage.difference->before == Ids{538, 539, 540, 541, 542, 543, 544, 545, 546, 547});  // the one entered last
  CHECK(Run(scheduler, other, true, "salt").difference == nullptr);
}

TEST_CASE("where nothing is in common, or at the border of a block") {
  Scheduler scheduler(MakeOptions());
  Run(scheduler, Range(0, 64));
  const Usage none = Run(scheduler, Range(300, 64));
  CHECK(none.cached_tokens == 0);
  REQUIRE(none.difference != nullptr);
  CHECK(none.difference->position == 0);
  CHECK(none.difference->before.front() == 0);
  Ids border = Range(0, 64);
  border[32] = 9;
  const Usage usage = Run(scheduler, border);
  CHECK(usage.cached_tokens == 32);
  CHECK(usage.copied_tokens == 0);
  REQUIRE(usage.difference != nullptr);
  CHECK(usage.difference->position == 32);
  CHECK(usage.difference->before == Range(32, 16));
}

TEST_CASE(
    "a prompt that goes on where another ended, is found whole, or is the beginning of another differs from nothing") {
  Scheduler scheduler(MakeOptions());
  Run(scheduler, Range(0, 70));
  CHECK(Run(scheduler, Range(0, 70)).difference == nullptr);
  CHECK(Run(scheduler, Range(0, 40)).difference == nullptr);
  const Usage longer = Run(scheduler, Range(0, 200));
  CHECK(longer.cached_tokens >= 70);
  CHECK(longer.difference == nullptr);
}

}  // namespace
}  // namespace puna::engine
