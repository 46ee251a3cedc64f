#include "server/generate/response_store.h"

#include <doctest/doctest.h>

#include <thread>

namespace puna::server {
namespace {

using std::chrono::milliseconds;

api::ResponseItem Say(const std::string& id, const std::string& text) {
  api::ResponseItem item;
  item.id = id;
  item.role = "assistant";
  item.text = text;
  return item;
}

void Put(ResponseStore& store, const std::string& id, size_t size, const std::string& after = "") {
  History turns;
  if (!after.empty()) turns = store.Find(after)->turns;
  turns.push_back(store.MakeTurn({{}, {Say("msg_" + id, std::string(size, 'x'))}}));
  store.Put({id, "{}", false, std::move(turns)});
}

TEST_CASE("the least recently used goes when there are too many") {
  ResponseStore store({.max_responses = 2, .max_bytes = 1 << 20});
  Put(store, "a", 1);
  Put(store, "b", 1);
  CHECK(store.Find("a"));
  Put(store, "c", 1);
  CHECK(store.size() == 2);
  CHECK(store.Find("a"));
  CHECK_FALSE(store.Find("b"));
  CHECK_FALSE(store.FindItem("msg_b"));
  CHECK(store.FindItem("msg_c")->text == "x");
  CHECK(store.Erase("a"));
  CHECK_FALSE(store.Erase("a"));
  CHECK(store.Erase("c"));
  CHECK(store.size() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("bytes are bounded, and what alone is too large is not kept") {
  ResponseStore store({.max_responses = 100, .max_bytes = 10000});
  Put(store, "a", 4000);
  Put(store, "b", 4000);
  CHECK(store.Find("a"));
  Put(store, "c", 4000);
  CHECK(store.bytes() <= 10000);
  CHECK_FALSE(store.Find("b"));
  CHECK(store.Find("c"));
  Put(store, "d", 20000);
  CHECK(store.size() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("turns that responses share count once and live as long as one needs them") {
  ResponseStore store({.max_responses = 100, .max_bytes = 20000});
  Put(store, "a", 8000);
  const size_t one = store.bytes();
  Put(store, "b", 10, "a");
  Put(store, "c", 10, "b");
  CHECK(store.bytes() < one + 2000);
  CHECK(store.Find("c")->turns.size() == 3);
  CHECK(store.Erase("a"));
  CHECK(store.Find("c")->turns[0]->output[0].text.size() == 8000);
  CHECK(store.bytes() > 8000);
  CHECK(store.Erase("b"));
  CHECK(store.Erase("c"));
  CHECK(store.bytes() == 0);
}

TEST_CASE("a response that runs is found and can be asked to end") {
  ResponseStore store;
  CHECK_FALSE(store.Cancel("r"));
  const auto hidden = store.Begin("h", "hidden", false);
  CHECK_FALSE(store.FindRunning("h"));
  const auto running = store.Begin("r", "begun", true);
  CHECK(store.FindRunning("r") == "begun");
  CHECK(store.Cancel("r") == running);
  CHECK(running->cancelled);
  CHECK_FALSE(store.Json(*running, false));  // it has not ended yet
  CHECK(store.Json(*running, true) == "begun");
  int cancels = 0, ends = 0;
  store.OnCancel(*hidden, [&] { ++cancels; });
  const auto cancelled = store.Cancel("h");
  CHECK(cancels == 1);
  store.OnEnd(*cancelled, [&] { ++ends; });
  CHECK(ends == 0);
  store.End(*hidden, "ended");
  CHECK(ends == 1);
  CHECK(store.Json(*cancelled, false) == "ended");
  store.OnEnd(*cancelled, [&] { ++ends; });  // that has been
  CHECK(ends == 2);
  store.End(*running, "ended");
  CHECK_FALSE(store.FindRunning("r"));
}

}  // namespace
}  // namespace puna::server
