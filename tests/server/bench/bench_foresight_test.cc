#include "server/bench/bench_foresight.h"

#include <doctest/doctest.h>

namespace puna::server {
namespace {

// A row more takes so much of a step that eight rows take v8 steps.
StepCosts Costs(double v8, double step) { return {{1, 8}, {step, v8 * step}, 0}; }

// Figures of the cost model by hand: a 1B draft takes 0.41 of a 3B's step.
TEST_CASE("what guesses gain by rates and costs") {
  struct Case {
    double v8, rate, plain, pard, free;
  };
  for (const Case& c :
       {Case{2.4, 0.50, 1.00, 1.00, 1.25}, Case{2.4, 0.68, 1.04, 1.07, 1.52}, Case{2.4, 0.78, 1.10, 1.22, 1.78},
        Case{2.4, 0.82, 1.13, 1.30, 1.93}, Case{2.4, 0.90, 1.22, 1.53, 2.35}, Case{1.15, 0.68, 1.17, 1.83, 2.59},
        Case{1.15, 0.78, 1.28, 2.45, 3.50}, Case{1.15, 0.82, 1.34, 2.85, 4.09}}) {
    CAPTURE(c.v8);
    CAPTURE(c.rate);
    const StepCosts model = Costs(c.v8, 1), draft = Costs(c.v8, 0.41);
    CHECK(Foresee(c.rate, model, {&draft, false, 12}).speedup == doctest::Approx(c.plain).epsilon(0.01));
    CHECK(Foresee(c.rate, model, {&draft, true, 12}).speedup == doctest::Approx(c.pard).epsilon(0.01));
    CHECK(Foresee(c.rate, model, {nullptr, false, 12}).speedup == doctest::Approx(c.free).epsilon(0.01));
  }
  const StepCosts model = Costs(2.4, 1), draft = Costs(2.4, 0.41);
  CHECK(Foresee(0.78, model, {&draft, true, 12}).guesses == 3);
  CHECK(Foresee(0, model, {&draft, true, 12}).guesses == 0);
}

TEST_CASE("more cores make everything faster but reading, and faster memory that") {
  const StepCosts here{{1, 2, 8}, {10, 11, 20}, 8};
  CHECK(here.At(1) == 10);
  CHECK(here.At(5) == doctest::Approx(15.5));
  CHECK(here.At(10) == doctest::Approx(23));
  const StepCosts more = here.On(4, 1);
  CHECK(more.At(1) == doctest::Approx(8.5));
  CHECK(more.At(8) == doctest::Approx(11));
  const StepCosts faster = here.On(1, 2);
  CHECK(faster.At(1) == doctest::Approx(6));
  CHECK(faster.reading == doctest::Approx(4));
}

}  // namespace
}  // namespace puna::server
