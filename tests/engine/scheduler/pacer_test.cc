#include "engine/scheduler/pacer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace puna::engine {
namespace {

// A machine whose step costs what reading the weights costs, or what computing costs when that is more.
double StepSeconds(int num_tokens) { return std::max(0.050, 0.004 * num_tokens); }

int Settle(Pacer& pacer, int num_decode) {
  for (int i = 0; i < 30; ++i) pacer.Observe(0, num_decode, StepSeconds(num_decode));
  int chunk = 0;
  for (int i = 0; i < 30; ++i) {
    chunk = pacer.MaxPromptTokens(512, num_decode);
    CHECK(chunk > 0);
    pacer.Observe(chunk, num_decode, StepSeconds(num_decode + chunk));
  }
  return chunk;
}

TEST_CASE("no target, or nobody to keep the pace for: as much as fits") {
  CHECK(Pacer(0).MaxPromptTokens(512, 4) == 512);
  CHECK(Pacer(0.1).MaxPromptTokens(512, 0) == 512);
}

TEST_CASE("chunks settle where a step takes what it may") {
  Pacer pacer(0.2);
  const int chunk = Settle(pacer, 4);
  CHECK(StepSeconds(4 + chunk) <= 0.2 * 1.05);
  CHECK(StepSeconds(4 + chunk + 2 * Pacer::kMinChunk) > 0.2);
}

TEST_CASE("the automatic target is in quiet steps") {
  Pacer pacer(-1);
  const int chunk = Settle(pacer, 4);
  CHECK(StepSeconds(4 + chunk) <= 0.050 * Pacer::kQuietStepsTarget * 1.02);
  CHECK(StepSeconds(4 + chunk + 2) > 0.050 * Pacer::kQuietStepsTarget);
}

TEST_CASE("a quiet step of few says what one of many costs, and one of many what one of few costs at most") {
  Pacer pacer(-1);
  for (int i = 0; i < 30; ++i) pacer.Observe(0, 2, StepSeconds(2));
  for (int i = 0; i < 30; ++i) pacer.Observe(100, 0, StepSeconds(100));
  const int beside_two = pacer.MaxPromptTokens(512, 2);
  CHECK(beside_two == std::lround(0.050 * (Pacer::kQuietStepsTarget - 1) / 0.004));
  // 14 more that decode: 0.050 + 14 x 0.004 a quiet step.
  CHECK(pacer.MaxPromptTokens(512, 16) == std::lround(0.106 * (Pacer::kQuietStepsTarget - 1) / 0.004));
  for (int i = 0; i < 30; ++i) pacer.Observe(0, 20, StepSeconds(20));
  CHECK(pacer.MaxPromptTokens(512, 16) == std::lround(0.080 * (Pacer::kQuietStepsTarget - 1) / 0.004));
  CHECK(pacer.MaxPromptTokens(512, 1) == beside_two);
}

TEST_CASE("a prompt moves on however small the target, and never beyond the limit") {
  Pacer pacer(0.001);
  CHECK(Settle(pacer, 4) == Pacer::kMinChunk);
  CHECK(pacer.MaxPromptTokens(5, 4) == 5);
}

TEST_CASE("a step that was held up hardly counts, a prompt that has become dearer does") {
  Pacer pacer(0.2);
  const int chunk = Settle(pacer, 4);
  pacer.Observe(chunk, 4, 10 * StepSeconds(4 + chunk));
  CHECK(pacer.MaxPromptTokens(512, 4) >= 0.95 * chunk);
  for (int i = 0; i < 12; ++i) {
    const int dear = pacer.MaxPromptTokens(512, 4);
    pacer.Observe(dear, 4, StepSeconds(4) + dear * 0.012);
  }
  CHECK(StepSeconds(4) + pacer.MaxPromptTokens(512, 4) * 0.012 <= 0.2 * 1.1);
}

TEST_CASE("during a long prompt a quiet step is taken now and then, and its cost followed") {
  Pacer pacer(-1);
  const int chunk = Settle(pacer, 4);
  int quiet = 0;
  for (int i = 0; i < 6 * Pacer::kQuietEvery; ++i) {  // the streams have become dearer
    const int tokens = pacer.MaxPromptTokens(512, 4);
    quiet += tokens == 0;
    pacer.Observe(tokens, 4, 0.020 + StepSeconds(4 + tokens));
  }
  CHECK(quiet >= 5);
  CHECK(quiet <= 6);
  CHECK(pacer.MaxPromptTokens(512, 4) > chunk);
}

TEST_CASE("a step that was held up does not say for good that so many rows are dear") {
  Pacer pacer(0);
  for (int i = 0; i < 8; ++i) pacer.Observe(0, 1, 1.0);
  pacer.Observe(0, 5, 30);
  CHECK(pacer.StepSeconds(0, 1, 4) < 2);
  pacer.Observe(0, 5, 1.4);
  CHECK(pacer.StepSeconds(0, 1, 4) == doctest::Approx(1.4));
  for (int i = 0; i < 4; ++i) pacer.Observe(0, 6, 3);  // so often is believed
  CHECK(pacer.StepSeconds(0, 1, 5) == doctest::Approx(3));
}

TEST_CASE("one cheap step does not open the door") {
  Pacer pacer(0.2);
  pacer.Observe(0, 4, 0.05);
  pacer.Observe(32, 4, 0.0500001);  // memory-bound: the tokens seemed free
  CHECK(pacer.MaxPromptTokens(512, 4) <= 64);
}

}  // namespace
}  // namespace puna::engine
