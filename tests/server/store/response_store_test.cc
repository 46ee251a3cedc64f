#include "server/store/response_store.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "api/endpoints/stored_items.h"
#include "server/host/log.h"
#include "tests/server/store/store_folder.h"

namespace puna::server {
namespace {

// What nothing compresses.
std::string Noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('!' + random() % 90);
  return text;
}

StoreOptions Small(size_t responses, size_t bytes) {
  StoreOptions options;
  options.max_responses = responses;
  options.max_bytes = bytes;
  return options;
}

size_t Empty() { return ResponseStore().bytes(); }

TEST_CASE("what is put is found: the object, its events, what went before, its input and its items") {
  ResponseStore store;
  Put(store, "a", "one");
  Put(store, "b", "two", "a");
  CHECK(store.Find("", "b")->json == R"({"id":"b"})");
  CHECK(store.Find("", "b")->status == "completed");
  CHECK(store.Find("", "b")->server.empty());
  CHECK(store.FindEvents("", "b") == "event: x\ndata: {}\n\n");
  std::string said;
  const std::optional<Earlier> earlier = store.FindEarlier("", "b");
  for (const api::ResponseItem& item : earlier->items) said += item.role + ":" + item.text + " ";
  CHECK(said == "user:asked a assistant:one user:asked b assistant:two ");
  CHECK(store.FindInput("", "b")->at(0).text == "asked b");
  CHECK(store.FindItem("", "msg_a")->text == "one");
  CHECK_FALSE(store.FindItem("", "msg_in_a"));
  CHECK_FALSE(store.Find("", "c"));
  CHECK_FALSE(store.FindEarlier("", "c"));
}

TEST_CASE("how much text went before is known without reading it") {
  ResponseStore store;
  const std::string large(1 << 20, 'x');  // of which next to nothing is stored
  Put(store, "a", large, "", "alice");
  Put(store, "b", large, "a", "alice");
  const size_t of_one = store.EarlierBytes("alice", "a");
  const std::vector<api::ResponseItem> items = store.FindEarlier("alice", "a")->items;
  REQUIRE(items.size() == 2);
  CHECK(of_one == api::ItemsToStore({items[0]}).size() + api::ItemsToStore({items[1]}).size());
  CHECK(of_one > large.size());
  CHECK(store.EarlierBytes("alice", "b") == 2 * of_one);  // "b" is as long as "a"
  CHECK(store.EarlierBytes("bob", "a") == 0);
  CHECK(store.EarlierBytes("alice", "c") == 0);
  const std::string id = "conv_1";
  store.AddConversation("alice", id, "{}", {items[1], items[1]});
  CHECK(store.ConversationBytes("alice", id) > 2 * large.size());
  CHECK(store.ConversationBytes("bob", id) == 0);
  NewResponse response{.id = "c", .owner = "alice", .json = "{}", .conversation = id, .place = 1 << 30, .input = {}};
  REQUIRE(store.Begin(response));
  store.End({"c", "completed", "{}", "", {}});
  CHECK(store.EarlierBytes("alice", "c") >= store.ConversationBytes("alice", id));
}

TEST_CASE("a page of a conversation has a bound in bytes, too") {
  ResponseStore store;
  const std::string large(9 << 20, 'x');
  store.AddConversation("", "conv_1", "{}", {Say("msg_1", large), Say("msg_2", large), Say("msg_3", "small")});
  std::string order;
  PageWish wish{.after = "", .limit = 20, .ascending = true};
  for (bool more = true; more;) {
    const std::optional<ItemPage> page = store.ListItems("conv_1", wish);
    REQUIRE(page);
    REQUIRE_FALSE(page->items.empty());
    for (const api::ResponseItem& item : page->items) order += item.id + " ";
    order += "| ";
    more = page->has_more;
    wish.after = page->items.back().id;
  }
  CHECK(order == "msg_1 | msg_2 msg_3 | ");
}

TEST_CASE("a response belongs to who asked for it") {
  ResponseStore store;
  Put(store, "a", "secret", "", "alice");
  CHECK(store.Find("alice", "a"));
  for (const char* other : {"bob", ""}) {
    CHECK_FALSE(store.Find(other, "a"));
    CHECK_FALSE(store.FindEarlier(other, "a"));
    CHECK_FALSE(store.FindInput(other, "a"));
    CHECK_FALSE(store.FindItem(other, "msg_a"));
    CHECK_FALSE(store.FindEvents(other, "a"));
    CHECK_FALSE(store.Erase(other, "a"));
  }
  CHECK(store.FindItem("alice", "msg_a"));
  CHECK(store.Erase("alice", "a"));
}

TEST_CASE("the least recently used goes when there are too many") {
  ResponseStore store(Small(2, 64 << 20));
  Put(store, "a", "x");
  Put(store, "b", "x");
  CHECK(store.Find("", "a"));
  Put(store, "c", "x");
  CHECK(store.size() == 2);
  CHECK(store.Find("", "a"));
  CHECK_FALSE(store.Find("", "b"));
  CHECK_FALSE(store.FindItem("", "msg_b"));
  CHECK(store.FindItem("", "msg_c")->text == "x");
  CHECK(store.Erase("", "a"));
  CHECK_FALSE(store.Erase("", "a"));
  CHECK(store.Erase("", "c"));
  CHECK(store.size() == 0);
  CHECK(store.bytes() == Empty());
}

TEST_CASE("bytes are bounded, and what alone is too large is not kept") {
  const size_t limit = Empty() + 100'000;
  ResponseStore store(Small(100, limit));
  Put(store, "a", Noise(50'000, 1));
  Put(store, "b", Noise(50'000, 2));
  CHECK(store.Find("", "a"));
  Put(store, "c", Noise(50'000, 3));
  CHECK(store.bytes() <= limit);
  CHECK_FALSE(store.Find("", "b"));
  CHECK(store.Find("", "c"));
  Put(store, "d", Noise(200'000, 4));
  CHECK(store.size() == 0);
  CHECK(store.bytes() == Empty());
  CHECK(store.bytes_held() == store.bytes());
}

TEST_CASE("memory is given back, the least recently used first") {
  ResponseStore store(Small(100, 64 << 20));
  for (const char* id : {"a", "b", "c"}) Put(store, id, Noise(50'000, static_cast<unsigned>(id[0])));
  const size_t before = store.bytes_held();
  store.GiveBack(60'000);
  CHECK(store.bytes_held() <= before - 60'000);
  CHECK_FALSE(store.Find("", "a"));
  CHECK(store.Find("", "c"));
  store.GiveBack(size_t{1} << 40);
  CHECK(store.size() == 0);
}

TEST_CASE("turns that responses share count once and live as long as one needs them") {
  ResponseStore store;
  Put(store, "a", Noise(80'000, 1));
  const size_t one = store.bytes();
  Put(store, "b", "x", "a");
  Put(store, "c", "x", "b");
  CHECK(store.bytes() < one + 20'000);
  CHECK(store.FindEarlier("", "c")->items.size() == 6);
  CHECK(store.Erase("", "a"));
  CHECK(store.FindEarlier("", "c")->items[1].text.size() == 80'000);
  CHECK(store.bytes() > Empty() + 60'000);
  CHECK(store.Erase("", "b"));
  CHECK(store.Erase("", "c"));
  CHECK(store.bytes() == Empty());
}

TEST_CASE(
    "one that is being made is not gone on from and not given up, and one that nobody learned of leaves nothing") {
  ResponseStore store(Small(1, 64 << 20));
  CHECK(Begin(store, "a"));
  CHECK_FALSE(store.FindEarlier("", "a"));
  CHECK_FALSE(store.Find("", "a")->server.empty());
  Put(store, "b", "x");
  CHECK(store.Find("", "a"));
  store.Drop("a");
  store.Drop("b");
  CHECK(store.bytes() == Empty());
}

TEST_CASE("what went before may be deleted before a response begins: then it is not stored") {
  ResponseStore store;
  Put(store, "a", "x");
  NewResponse response;
  response.id = "b";
  response.after = store.FindEarlier("", "a")->turn;
  CHECK(store.Erase("", "a"));
  CHECK_FALSE(store.Begin(response));
  CHECK_FALSE(store.Find("", "b"));
}

TEST_CASE("items come back as they were, with all that they had") {
  api::ResponseItem call;
  call.kind = api::ResponseItem::Kind::kCustomCall;
  call.id = "ctc_1";
  call.status = "incomplete";
  call.call_id = "call_1";
  call.name = "patch";
  call.space = "tools";
  call.text = "*** Begin\n\"\\ \xF0\x9F\x8C\x8D";
  api::ResponseItem message = Say("msg_1", "h");
  message.json = "{\"a\":1}";
  message.arguments = "{}";
  message.logprobs = {{{7, "\xF0\x9F", -0.25}, true, {{8, "", -1e300}}}};
  ResponseStore store;
  Begin(store, "a");
  store.End({"a", "completed", "{}", "", {call, message}});
  const std::vector<api::ResponseItem> items = store.FindEarlier("", "a")->items;
  REQUIRE(items.size() == 3);
  CHECK(items[1].kind == call.kind);
  CHECK(api::ItemJson(items[1]).dump() == api::ItemJson(call).dump());
  CHECK(items[2].json == message.json);
  CHECK(items[2].arguments == "{}");
  REQUIRE(items[2].logprobs.size() == 1);
  CHECK(items[2].logprobs[0].token.bytes == "\xF0\x9F");
  CHECK(items[2].logprobs[0].token.logprob == -0.25);
  CHECK(items[2].logprobs[0].top[0].logprob == -1e300);
  CHECK(items[2].logprobs[0].top[0].id == 8);
}

TEST_CASE("in memory, too, what is too old goes") {
  int64_t now = 1'000'000'000;
  StoreOptions options;
  options.max_age = std::chrono::hours(1);
  options.clock = [&] { return now; };
  ResponseStore store(options);
  Put(store, "a", "x");
  now += 3'599'000'000;
  store.KeepUp();
  CHECK(store.Find("", "a"));
  now += 12'000'000;
  store.KeepUp();
  CHECK_FALSE(store.Find("", "a"));
}

}  // namespace
}  // namespace puna::server
