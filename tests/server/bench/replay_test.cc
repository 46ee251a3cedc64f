#include "server/bench/replay.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace puna::server {
namespace {

RecordedRun SomeRun() {
  RecordedRun run{"m", "w8a8", "int8", "fp", "scalar", "a processor", MakeRequests(7, 3, 1000, 4)};
  for (RecordedRequest& r : run.requests) {
    r.ids = {1, 2, 3};
    r.logprobs = {{-0.1f, -0.1f, -3.3333333f}, {-1e-38f, 0, -88}, {std::nextafter(-1.0f, 0.0f), -2, -3}};
  }
  return run;
}

TEST_CASE("what is written is read back to the bit") {
  const RecordedRun run = SomeRun(), read = ParseRun(ToText(run));
  CHECK(read.fingerprint == "fp");
  CHECK(read.isa == "scalar");
  REQUIRE(read.requests.size() == run.requests.size());
  for (size_t i = 0; i < run.requests.size(); ++i) {
    const RecordedRequest &a = run.requests[i], &b = read.requests[i];
    CHECK(a.prompt == b.prompt);
    CHECK(a.new_tokens == b.new_tokens);
    CHECK(a.sampling.temperature == b.sampling.temperature);
    CHECK(a.sampling.top_p == b.sampling.top_p);
    CHECK(a.sampling.repetition_penalty == b.sampling.repetition_penalty);
    CHECK(a.sampling.seed == b.sampling.seed);
    CHECK(FirstDifference(a, b) == "");
  }
}

TEST_CASE("the first bit that differs is named") {
  const RecordedRequest a = SomeRun().requests.front();
  RecordedRequest b = a;
  b.logprobs[2][0] = -1;
  CHECK(FirstDifference(a, b) == "token 2 has other log-probabilities");
  b = a;
  b.ids[1] = 9;
  CHECK(FirstDifference(a, b) == "token 1 is 9 instead of 2");
  b = a;
  b.ids.pop_back();
  b.logprobs.pop_back();
  CHECK(FirstDifference(a, b) == "it has 2 tokens instead of 3");
}

TEST_CASE("a file that is none is refused by its line") {
  for (const char* text : {"", "{}\n", "x\n", "{\"puna_replay\": 2}\n"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ParseRun(text), std::runtime_error);
  }
  std::string text = ToText(SomeRun());
  text.resize(text.size() - 10);
  CHECK_THROWS_WITH(ParseRun(text), doctest::Contains("line 8"));
}

TEST_CASE("requests are of all kinds, and the same for the same seed") {
  const auto a = MakeRequests(12, 8, 500, 1), b = MakeRequests(12, 8, 500, 1);
  int greedy = 0, penalised = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].prompt == b[i].prompt);
    CHECK(!a[i].prompt.empty());
    greedy += a[i].sampling.temperature == 0;
    penalised += a[i].sampling.repetition_penalty != 1;
  }
  CHECK(greedy == 6);
  CHECK(penalised == 4);
  CHECK(std::equal(a[2].prompt.begin(), a[2].prompt.end(), a[3].prompt.begin()));
}

}  // namespace
}  // namespace puna::server
