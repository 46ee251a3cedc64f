#include "server/store/running_responses.h"

#include <doctest/doctest.h>

namespace puna::server {
namespace {

TEST_CASE("a response that runs is found by its owner and can be asked to end") {
  RunningResponses all;
  CHECK_FALSE(all.Find("", "r"));
  const auto hidden = all.Begin("h", "", "hidden", false);
  CHECK_FALSE(all.Find("", "h"));
  const auto running = all.Begin("r", "alice", "begun", true);
  CHECK_FALSE(all.Find("", "r"));
  CHECK(all.Find("alice", "r") == running);
  CHECK(all.Json(*running) == "begun");
  all.Update(*running, "going");
  CHECK(all.Json(*running) == "going");
  int cancels = 0, ends = 0;
  all.OnCancel(*running, [&] { ++cancels; });
  all.Cancel(*running);
  CHECK(running->cancelled);
  CHECK(cancels == 1);
  CHECK_FALSE(all.Done(*running));
  all.OnEnd(*running, [&] { ++ends; });
  CHECK(ends == 0);
  all.End(*running, "ended");
  CHECK(ends == 1);
  CHECK(all.Done(*running));
  CHECK(all.Json(*running) == "ended");
  all.OnEnd(*running, [&] { ++ends; });  // that has been
  CHECK(ends == 2);
  CHECK_FALSE(all.Find("alice", "r"));
  bool ended = false;
  running->events->Read(0, ended);
  CHECK(ended);
}

TEST_CASE("events are found by their number, in a log and in a text") {
  const auto total = std::make_shared<std::atomic<size_t>>(0);
  EventLog log(total);
  log.Append("a\n\nbb\n\n");
  log.Append("c\n\n");
  CHECK(*total == 10);
  CHECK(log.PlaceOf(0) == 0);
  CHECK(log.PlaceOf(1) == 3);
  CHECK(log.PlaceOf(2) == 7);
  CHECK(log.PlaceOf(9) == log.Text().size());
  CHECK(PlaceOfEvent("cut off", 1) == 7);
  bool ended = true;
  CHECK(log.Read(7, ended) == "c\n\n");
  CHECK_FALSE(ended);
  int calls = 0;
  std::shared_ptr<const void> following = log.Follow([&] { ++calls; });
  log.Append("d\n\n");
  CHECK(calls == 1);
  following.reset();
  log.End();
  CHECK(calls == 1);
}

}  // namespace
}  // namespace puna::server
