#include "server/bench/traffic_player.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "server/bench/bench_client.h"

namespace puna::server {
namespace {

TrafficPlan Plan(const char* scenario, int requests, int parallel) {
  TrafficOptions options;
  options.scenario = scenario;
  options.requests = requests;
  options.parallel = parallel;
  options.turns = 3;
  options.rate = 1000;
  options.prompt_tokens = options.system_tokens = options.tool_tokens = options.long_tokens = 5;
  return PlanTraffic(options);
}

void Ignore(int) {}

TEST_CASE("each turn carries all that was said before, and the answers") {
  const TrafficPlan plan = Plan("agents", 12, 3);
  std::mutex mutex;
  std::map<std::string, std::vector<TrafficMessage>> longest;  // by the first question
  std::atomic<int> at_once{0}, most{0};
  int told = 0;
  const RunClock clock(60);
  const auto samples = PlayTraffic(
      plan, clock,
      [&](const std::vector<TrafficMessage>& messages, TrafficSample& sample, const auto&) {
        most = std::max<int>(most, ++at_once);
        sample.sent_s = clock.Now();
        sample.answer = "answer " + std::to_string(sample.turn);
        const std::lock_guard lock(mutex);
        longest[messages.at(1).content] = messages;
        CHECK(messages.size() == 2u + 2 * sample.turn);
        --at_once;
      },
      [&](int ended) { told = ended; });
  CHECK(samples.size() == 12);
  CHECK(told == 12);
  CHECK(most <= 3);
  REQUIRE(longest.size() == 4);
  for (const TrafficSession& session : plan.sessions) {
    const auto& messages = longest.at(session.turns[0]);
    REQUIRE(messages.size() == 6);
    CHECK(messages[0] == session.opening[0]);
    CHECK(messages[2] == TrafficMessage{"assistant", "answer 0"});
    CHECK(messages[3] == TrafficMessage{"user", session.turns[1]});
    CHECK(messages[4] == TrafficMessage{"assistant", "answer 1"});
    CHECK(messages[5] == TrafficMessage{"user", session.turns[2]});
  }
}

TEST_CASE("a session that failed says no more, others go on") {
  const auto samples = PlayTraffic(
      Plan("agents", 9, 2), RunClock(60),
      [&](const auto&, TrafficSample& sample, const auto&) {
        if (sample.session == 1) sample.error = "HTTP 429";
      },
      Ignore);
  CHECK(samples.size() == 3 + 1 + 3);
}

TEST_CASE("the long prompt comes when all short streams are running") {
  std::atomic<int> running{0}, running_at_long{-1};
  std::atomic<bool> long_over{false};
  const auto samples = PlayTraffic(
      Plan("long", 5, 3), RunClock(60),
      [&](const auto&, TrafficSample& sample, const auto& on_piece) {
        if (sample.kind == "long") {
          running_at_long = running.load();
          long_over = true;
        } else if (sample.kind == "short") {
          // Ready as a stream is before its eighth piece is told, and streaming until the long
          // prompt came: were it not to come, this would never end.
          for (size_t piece = 1; piece <= 8; ++piece) {
            if (piece == 8) ++running;
            on_piece(piece);
          }
          while (!long_over) std::this_thread::yield();
        } else {
          CHECK(running == 0);
        }
      },
      Ignore);
  CHECK(samples.size() == 5);
  CHECK(running_at_long == 3);
}

TEST_CASE("nobody waits for short streams that fail") {
  const auto samples = PlayTraffic(
      Plan("long", 5, 3), RunClock(60),
      [&](const auto&, TrafficSample& sample, const auto&) { sample.error = "no answer"; }, Ignore);
  CHECK(samples.size() == 5);
}

TEST_CASE("chats overlap, and none is sent after the end of the clock") {
  std::atomic<int> arrived{0};
  const auto together = PlayTraffic(
      Plan("chat", 8, 1), RunClock(60),
      [&](const auto&, TrafficSample&, const auto&) {
        ++arrived;
        while (arrived < 8) std::this_thread::yield();  // for ever, were one to wait for another
      },
      Ignore);
  CHECK(together.size() == 8);
  const auto late = PlayTraffic(
      Plan("chat", 8, 1), RunClock(0), [&](const auto&, TrafficSample&, const auto&) {}, Ignore);
  CHECK(late.empty());
}

}  // namespace
}  // namespace puna::server
