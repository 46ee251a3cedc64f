// What a client has seen of a response outlives the server.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/server/endpoints/responses_fixture.h"
#include "tests/server/store/store_folder.h"

namespace puna::server {
namespace {

// Looks, whenever the client gets bytes and whenever the log of events grows, whether the store has what can be seen by then.
class StoreWatcher : public MemorySink {
 public:
  explicit StoreWatcher(Service& service) : service_(service) {}

  bool Write(std::string_view bytes) override {
    text += bytes;
    if (id_.empty()) {
      id_ = text.substr(text.find("resp_"), 29);
      if (const auto running = service_.running.Find("", id_)) Follow(running->events);
    }
    Look(text);
    return true;
  }

  int looks = 0, missing = 0;

 private:
  void Follow(std::shared_ptr<EventLog> log) {
    log_ = std::move(log);
    following_ = log_->Follow([this] { Look(log_->Text()); });
  }
  void Look(const std::string& seen) {
    ++looks;
    const std::string stored = service_.responses->FindEvents("", id_).value_or("");
    if (stored.size() < seen.size() || stored.compare(0, seen.size(), seen) != 0) ++missing;
  }

  Service& service_;
  std::string id_;
  std::shared_ptr<EventLog> log_;
  std::shared_ptr<const void> following_;
};

TEST_CASE("what anybody has seen of a response is in the store's file") {
  const StoreFolder folder;
  ResponsesFixture f("Hello.", std::chrono::milliseconds(20));
  f.service->responses = std::make_unique<ResponseStore>(folder.Options());
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})");
  StoreWatcher client(*f.service);
  Finish(reply, client);
  CHECK(client.text.find("event: response.completed") != std::string::npos);
  CHECK(client.looks > 0);
  CHECK(client.missing == 0);
}

}  // namespace
}  // namespace puna::server
