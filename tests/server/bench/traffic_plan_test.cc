#include "server/bench/traffic_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

namespace puna::server {
namespace {

TrafficOptions Options(const char* scenario, int requests) {
  TrafficOptions options;
  options.scenario = scenario;
  options.requests = requests;
  return options;
}

long Words(const std::string& text) { return 1 + std::count(text.begin(), text.end(), ' '); }

TEST_CASE("the same seed makes the same plan, another seed another") {
  for (const char* scenario : {"chat", "agents", "long"}) {
    CAPTURE(scenario);
    TrafficOptions options = Options(scenario, 20);
    const TrafficPlan plan = PlanTraffic(options);
    const TrafficPlan again = PlanTraffic(options);
    CHECK(plan.sessions == again.sessions);
    CHECK(plan.alone == again.alone);
    CHECK(plan.among == again.among);
    CHECK(plan.Requests() == 20);
    options.seed = 2;
    CHECK(PlanTraffic(options).sessions[0].turns != plan.sessions[0].turns);
  }
}

TEST_CASE("chats arrive as a Poisson process, with lengths around the one asked for") {
  TrafficOptions options = Options("chat", 4000);
  options.rate = 5;
  options.prompt_tokens = 20;
  const TrafficPlan plan = PlanTraffic(options);
  CHECK(plan.parallel == 0);
  double squares = 0, words = 0;
  for (size_t i = 1; i < plan.sessions.size(); ++i) {
    const double pause = plan.sessions[i].at_s - plan.sessions[i - 1].at_s;
    REQUIRE(pause >= 0);
    squares += pause * pause;
    const long length = Words(plan.sessions[i].turns.at(0));
    REQUIRE(length >= 10);
    REQUIRE(length <= 30);
    words += length;
  }
  CHECK(plan.sessions[0].at_s == 0);
  const double n = plan.sessions.size() - 1;
  CHECK(plan.sessions.back().at_s / n == doctest::Approx(0.2).epsilon(0.06));
  CHECK(squares / n == doctest::Approx(2 * 0.2 * 0.2).epsilon(0.15));  // of an exponential
  CHECK(words / n == doctest::Approx(20).epsilon(0.03));
}

TEST_CASE("agents share one system prompt and nothing else") {
  TrafficOptions options = Options("agents", 10);
  options.turns = 4;
  options.parallel = 3;
  const TrafficPlan plan = PlanTraffic(options);
  CHECK(plan.parallel == 3);
  REQUIRE(plan.sessions.size() == 3);
  CHECK(plan.sessions[2].turns.size() == 2);  // 10 = 4 + 4 + 2
  for (const TrafficSession& session : plan.sessions) {
    REQUIRE(session.opening.size() == 1);
    CHECK(session.opening == plan.sessions[0].opening);
    CHECK(session.opening[0].role == "system");
    CHECK(Words(session.opening[0].content) == options.system_tokens);
  }
  CHECK(plan.sessions[0].turns[0] != plan.sessions[1].turns[0]);
  CHECK(plan.sessions[0].turns[1] != plan.sessions[0].turns[2]);
}

TEST_CASE("the long prompt comes once alone and once among short streams, with different texts") {
  const TrafficPlan plan = PlanTraffic(Options("long", 3));
  REQUIRE(plan.alone.size() == 1);
  REQUIRE(plan.among.size() == 1);
  REQUIRE(plan.sessions.size() == 1);
  CHECK(Words(plan.alone[0].turns[0]) == 4096);
  CHECK(Words(plan.among[0].turns[0]) == 4096);
  CHECK(plan.alone[0].turns[0].substr(0, 40) != plan.among[0].turns[0].substr(0, 40));
  CHECK_THROWS_AS(PlanTraffic(Options("long", 2)), std::runtime_error);
  CHECK_THROWS_AS(PlanTraffic(Options("lunch", 2)), std::runtime_error);
}

}  // namespace
}  // namespace puna::server
