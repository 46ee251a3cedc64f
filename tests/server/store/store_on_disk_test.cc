// The store in a folder: restarts, kills, damage, other versions, full disks, deletion, sharing.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/store/database.h"
#include "server/store/response_store.h"
#include "tests/server/store/store_folder.h"

namespace puna::server {
namespace {

using nlohmann::json;

void Quiet() { SetUpLog("off", "text"); }

std::string Frame(const json& event) {
  return "event: " + event["type"].get<std::string>() + "\ndata: " + event.dump() + "\n\n";
}

// The first events of a response whose text is `text` so far.
std::string EventsUpTo(const std::string& id, const std::string& text) {
  const json message = {{"id", "msg_1"}, {"type", "message"}, {"status", "in_progress"}, {"role", "assistant"}};
  return Frame({{"type", "response.created"}, {"sequence_number", 0}, {"response", {{"id", id}}}}) +
         Frame({{"type", "response.in_progress"}, {"sequence_number", 1}, {"response", {{"id", id}}}}) +
         Frame(
             {{"type", "response.output_item.added"}, {"sequence_number", 2}, {"output_index", 0}, {"item", message}}) +
         Frame({{"type", "response.content_part.added"}, {"sequence_number", 3}}) +
         Frame({{"type", "response.output_text.delta"},
                {"sequence_number", 4},
                {"delta", text},
                {"logprobs", json::array()}});
}

// What another process does, which then dies as by kill -9.
template <typename Action>
void InAProcessThatDies(Action action) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    action();
    raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

TEST_CASE("a response is found again by the next process, and nobody else can read its file") {
  Quiet();
  StoreFolder folder;
  {
    ResponseStore store(folder.Options());
    REQUIRE(store.on_disk());
    Put(store, "a", "one");
    Put(store, "b", "two", "a", "");
  }
  struct stat info {};
  REQUIRE(stat(folder.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  ResponseStore store(folder.Options());
  for (const std::string& name : folder.Names()) {
    REQUIRE(stat((folder.path() + "/" + name).c_str(), &info) == 0);
    CHECK_MESSAGE((info.st_mode & 0777) == 0600, name);
  }
  CHECK(store.bytes_held() == 0);
  CHECK(store.Find("", "a")->status == "completed");
  CHECK(store.FindEarlier("", "b")->items.size() == 4);
  CHECK(store.FindItem("", "msg_b")->text == "two");
  CHECK(store.FindEvents("", "b") == "event: x\ndata: {}\n\n");
}

TEST_CASE("what was being made when its server died is incomplete, with what there was, and is gone on from") {
  Quiet();
  StoreFolder folder;
  InAProcessThatDies([&] {
    ResponseStore store(folder.Options());
    Begin(store, "a");
    const std::string events = EventsUpTo("a", "Once upon");
    const size_t half = events.find("event: response.output_item");
    store.AddEvents("a", 0, events.substr(0, half));
    store.AddEvents("a", 1, events.substr(half));
    Begin(store, "b");
  });
  ResponseStore store(folder.Options());
  const std::optional<StoredResponse> found = store.Find("", "a");
  REQUIRE(found);
  CHECK(found->status == "incomplete");
  CHECK(found->server.empty());
  const json response = json::parse(found->json);
  CHECK(response["status"] == "incomplete");
  CHECK(response["incomplete_details"]["reason"] == "server_restarted");
  CHECK(response["output"][0]["content"][0]["text"] == "Once upon");
  CHECK(response["output"][0]["status"] == "incomplete");
  CHECK(response.value("usage", json()).is_null());
  const std::string events = *store.FindEvents("", "a");
  CHECK(events.starts_with(EventsUpTo("a", "Once upon")));
  const std::string last = events.substr(events.rfind("\ndata: ") + 7);
  CHECK(json::parse(last)["type"] == "response.incomplete");
  CHECK(json::parse(last)["sequence_number"] == 8);  // behind the three that close the message
  CHECK(store.FindEarlier("", "a")->items[1].text == "Once upon");
  CHECK(json::parse(store.Find("", "b")->json)["output"].empty());
}

TEST_CASE("a server that lives keeps what it makes, whoever opens the store beside it") {
  Quiet();
  StoreFolder folder;
  ResponseStore one(folder.Options());
  Begin(one, "a");
  {
    ResponseStore two(folder.Options());
    CHECK(two.Find("", "a")->status == "in_progress");
    Put(two, "b", "x");
  }
  CHECK(one.Find("", "b"));
  one.End({"a", "completed", "{}", "", {Say("msg_a", "done")}});
  ResponseStore three(folder.Options());
  CHECK(three.Find("", "a")->status == "completed");
}

TEST_CASE("several servers write side by side") {
  Quiet();
  StoreFolder folder;
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    children.push_back(fork());
    REQUIRE(children.back() >= 0);
    if (children.back() != 0) continue;
    ResponseStore store(folder.Options());
    for (int i = 0; i < 40; ++i) Put(store, "r" + std::to_string(child) + "_" + std::to_string(i), "text");
    _exit(store.on_disk() ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  ResponseStore store(folder.Options());
  CHECK(store.size() == 120);
  CHECK(store.FindEarlier("", "r2_39")->items[1].text == "text");
}

// Of all that was written, in every form in which it might lie there.
TEST_CASE("what is deleted is in no file any more") {
  Quiet();
  StoreFolder folder;
  StoreOptions options = folder.Options();
  ResponseStore store(options);
  std::mt19937 random(1);
  std::vector<std::string> ids;
  const std::string mark = "needle7c1f";
  for (int i = 0; i < 300; ++i) {
    // Short texts lie in cells that move when pages are balanced, long ones on pages of their own.
    const std::string id = mark + std::to_string(i);
    const size_t size = i % 3 == 0 ? 20'000 : i % 3 == 1 ? 900 : 10;
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(' ' + random() % 95);
    Put(store, id, text);
    ids.push_back(id);
  }
  CHECK(folder.Bytes().find(mark) != std::string::npos);
  std::shuffle(ids.begin(), ids.end(), random);
  for (const std::string& id : ids) REQUIRE(store.Erase("", id));
  const std::string bytes = folder.Bytes();
  CHECK(bytes.find(mark) == std::string::npos);
  // Nothing else either: past its tables, the file holds zeros.
  const auto is_text = [](char c) { return c != '\0'; };
  CHECK(std::count_if(bytes.begin(), bytes.end(), is_text) < 16'384);
}

TEST_CASE("age, number and bytes are bounded, and the file shrinks") {
  Quiet();
  StoreFolder folder;
  int64_t now = 1'000'000'000'000'000;
  StoreOptions options = folder.Options();
  options.max_age = std::chrono::hours(24 * 30);
  options.max_responses = 50;
  options.clock = [&] { return now; };
  ResponseStore store(options);
  for (int i = 0; i < 60; ++i) {
    now += 1'000'000;
    Put(store, "r" + std::to_string(i), std::string(50'000, static_cast<char>('a' + i % 26)));
  }
  CHECK(store.size() == 50);
  CHECK_FALSE(store.Find("", "r9"));
  CHECK(store.Find("", "r10"));
  now += int64_t{24} * 3600 * 30 * 1'000'000 - 25'000'000;
  store.KeepUp();
  CHECK_FALSE(store.Find("", "r33"));
  CHECK(store.Find("", "r36"));
  now += 60'000'000;
  store.KeepUp();
  CHECK(store.size() == 0);
  CHECK(folder.Bytes().size() < 300'000);
}

TEST_CASE("a damaged file is put aside with a line, and a new one begun") {
  Quiet();
  StoreFolder folder;
  {
    ResponseStore store(folder.Options());
    Put(store, "a", std::string(100'000, 'x'));
  }
  SUBCASE("no database at all") { std::ofstream(folder.file(), std::ios::binary) << std::string(5000, 'j'); }
  SUBCASE("pages of zeros") {
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(20 * 4096, '\0');
  }
  ResponseStore store(folder.Options());
  CHECK(store.on_disk());
  CHECK_FALSE(store.Find("", "a"));
  Put(store, "b", "x");
  CHECK(store.Find("", "b"));
  bool aside = false;
  for (const std::string& name : folder.Names()) aside = aside || name.find(".damaged-") != std::string::npos;
  CHECK(aside);
}

TEST_CASE("any byte that the disk changes costs responses, and never gives wrong ones or ends the server") {
  Quiet();
  std::mt19937 random(7);
  const std::string text = "the very text " + std::string(3000, 'y');
  for (int round = 0; round < 120; ++round) {
    StoreFolder folder;
    {
      ResponseStore store(folder.Options());
      for (int i = 0; i < 4; ++i) Put(store, "r" + std::to_string(i), text + std::to_string(i));
    }
    {
      const auto size = static_cast<int64_t>(std::filesystem::file_size(folder.file()));
      std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
      const auto at = static_cast<int64_t>(random() % static_cast<uint64_t>(size));
      file.seekg(at);
      const int byte = file.get();
      file.seekp(at);
      file.put(static_cast<char>(byte ^ (1 << random() % 8)));
    }
    ResponseStore store(folder.Options());
    for (int i = 0; i < 4; ++i) {
      const std::string id = "r" + std::to_string(i);
      try {
        const std::optional<Earlier> earlier = store.FindEarlier("", id);
        if (earlier) CHECK(earlier->items.at(1).text == text + std::to_string(i));
        if (const auto found = store.Find("", id)) CHECK(found->json == R"({"id":")" + id + R"("})");
      } catch (const api::ApiError& error) {
        CHECK(error.status() == 503);
      }
    }
    Put(store, "new", "x");
    CHECK(store.Find("", "new"));
  }
}

TEST_CASE("another version's file, another program's, and none that can be used are left alone") {
  Quiet();
  StoreFolder folder;
  { ResponseStore store(folder.Options()); }
  const auto unchanged = [&] {
    const std::string before = folder.Bytes();
    ResponseStore store(folder.Options());
    CHECK_FALSE(store.on_disk());
    Put(store, "a", "x");
    CHECK(store.Find("", "a"));
    return folder.Bytes() == before;
  };
  SUBCASE("version 2") {
    { Database(folder.file()).Run("PRAGMA user_version = 2"); }
    CHECK(unchanged());
  }
  SUBCASE("another program") {
    { Database(folder.file()).Run("PRAGMA application_id = 7"); }
    CHECK(unchanged());
  }
  SUBCASE("a link to somewhere else") {
    std::filesystem::rename(folder.file(), folder.path() + "/elsewhere");
    std::filesystem::create_symlink(folder.path() + "/elsewhere", folder.file());
    CHECK(unchanged());
  }
  SUBCASE("a folder in place of the file") {
    std::filesystem::remove(folder.file());
    std::filesystem::create_directory(folder.file());
    ResponseStore store(folder.Options());
    CHECK_FALSE(store.on_disk());
  }
  SUBCASE("a file in place of the folder") {
    std::filesystem::remove_all(folder.path());
    std::ofstream(folder.path()) << "x";
    ResponseStore store(folder.Options());
    CHECK_FALSE(store.on_disk());
  }
}

}  // namespace
}  // namespace puna::server
