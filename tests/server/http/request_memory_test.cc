#include "server/http/request_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/server/http/http_fixture.h"
#include "tests/support/failing_allocations.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

TEST_CASE("shares: no more than there is, and all of it comes back, from many threads") {
  RequestMemory memory(100);
  {
    RequestMemory::Share first(memory), second(memory);
    CHECK(first.TrySet(60));
    CHECK_FALSE(second.TrySet(41));
    CHECK(second.bytes() == 0);
    CHECK(second.TrySet(40));
    CHECK(first.TrySet(10));
    second.Set(500);  // it is there already
    CHECK(memory.used() == 510);
    CHECK_FALSE(first.TrySet(11));
    CHECK(first.TrySet(5));
  }
  CHECK(memory.used() == 0);
  std::vector<std::thread> threads;
  std::atomic<bool> too_much{false};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        RequestMemory::Share share(memory);
        if (share.TrySet(60)) too_much = too_much || share.bytes() != 60;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(too_much);
  CHECK(memory.used() == 0);
}

// The event loop asks for more of a body while a worker ends its request.
TEST_CASE("a refused share leaves all as it was, also beside a thread that sets the same share") {
  RequestMemory memory(100);
  RequestMemory::Share large(memory);
  REQUIRE(large.TrySet(90));
  std::atomic<bool> wrong{false}, ended{false};
  std::thread observer([&] {
    while (!ended) wrong = wrong || memory.used() < 90 || memory.used() > 95;
  });
  for (int round = 0; round < 200; ++round) {
    RequestMemory::Share share(memory);
    std::thread loop([&] {
      for (int n = 0; n < 50; ++n) wrong = wrong || share.TrySet(50);
    });
    for (int n = 0; n < 50; ++n) share.Set(n % 2 == 0 ? 5 : 0);
    loop.join();
    wrong = wrong || share.bytes() != 0 || memory.used() != 90;
  }
  ended = true;
  observer.join();
  CHECK_FALSE(wrong);
  CHECK(memory.used() == 90);
}

TEST_CASE("what is kept counts, and makes way in its order before anybody is refused; what is in use stays") {
  RequestMemory memory(100);
  size_t first = 30, second = 30, in_use = 10;
  memory.Count({[&] { return first; }, [&](size_t bytes) { first -= std::min(first, bytes); }});
  memory.Count({[&] { return second + in_use; }, [&](size_t bytes) { second -= std::min(second, bytes); }});
  CHECK(memory.used() == 70);
  {
    RequestMemory::Share share(memory), other(memory);
    CHECK(share.TrySet(30));
    CHECK(memory.used() == 100);
    CHECK_FALSE(other.TrySet(101));
    CHECK(first == 30);  // nothing is thrown away for what never fits
    CHECK(share.TrySet(50));
    CHECK(first == 10);
    CHECK(second == 30);
    CHECK(other.TrySet(20));
    CHECK(first == 0);
    CHECK(second == 20);
    CHECK_FALSE(other.TrySet(41));
    CHECK(other.bytes() == 20);
    second = 60;  // a request has left more than there is room for
    share.Set(40);
    CHECK(second == 30);
    CHECK(memory.used() == 100);
  }
  CHECK(memory.used() == 40);
}

class ServerFixture {
 public:
  ServerFixture(Router router, config::ServerConfig config)
      : server_(OnAnyPort(std::move(config)), 2,
                Dispatcher(std::move(router), ApiKeys({}), Cors({}), HostNames({"x"}))),
        port_(server_.Bind()) {
    SetUpLog("off", "text");
    server_.OnRequest([this](const AccessLine&) { ++ended; });
    thread_ = std::thread([this] { server_.Serve(); });
  }
  ~ServerFixture() {
    server_.Stop();
    thread_.join();
  }
  int port() const { return port_; }
  size_t used() { return server_.request_memory().used(); }
  std::atomic<int> ended{0};  // requests

 private:
  static config::ServerConfig OnAnyPort(config::ServerConfig config) {
    config.port = 0;
    return config;
  }

  HttpServer server_;
  int port_;
  std::thread thread_;
};

// Keeps something for its reply, until it is told to end.
class Collector final : public ReplyTask {
 public:
  Collector(const std::atomic<size_t>& kept, const std::atomic<bool>& ends) : kept_(kept), ends_(ends) {}
  void Start(std::function<void()>) override {}
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink&) override {
    reply.body = "whole";
    if (ends_) return std::nullopt;
    return Clock::now() + std::chrono::milliseconds(1);
  }
  size_t bytes() const override { return kept_; }

 private:
  const std::atomic<size_t>& kept_;
  const std::atomic<bool>& ends_;
};

TEST_CASE("what a whole answer has put together counts while it grows") {
  std::atomic<size_t> kept{0};
  std::atomic<bool> ends{false};
  Router router;
  router.Add("POST", "/collect",
             [&](const HttpRequest&, HttpReply& out) { out.later = std::make_unique<Collector>(kept, ends); });
  ServerFixture server(std::move(router), config::ServerConfig());
  const WireClient client(server.port());
  client.Send(
      "POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  REQUIRE(Comes([&] { return server.used() > 0; }));
  for (const size_t bytes : {size_t{5} << 20, size_t{9} << 20}) {
    kept = bytes;
    CHECK(Comes([&] { return server.used() >= bytes; }));
  }
  ends = true;
  CHECK(client.ReadReply().second == "whole");
  CHECK(Comes([&] { return server.used() == 0; }));
}

TEST_CASE("what a client has not taken counts when its request has ended") {
  constexpr size_t kLarge = 32 << 20;  // more than the system keeps for a client
  Router router;
  router.Add("GET", "/large", [](const HttpRequest&, HttpReply& out) { out.body = std::string(kLarge, 'x'); });
  ServerFixture server(std::move(router), config::ServerConfig());
  WireClient client(server.port());
  client.Send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n").find("Content-Length: 33554432\r\n") != std::string::npos);
  REQUIRE(Comes([&] { return server.ended == 1; }));
  CHECK(Comes([&] { return server.used() > kLarge / 4; }));
  CHECK(client.ReadBytes(kLarge).size() == kLarge);
  CHECK(Comes([&] { return server.used() == 0; }));
}

Router Echo() {
  Router router;
  router.Add("POST", "/echo", [](const HttpRequest& in, HttpReply& out) { out.body = std::to_string(in.body.size()); });
  router.Add("POST", "/names", [](const HttpRequest& in, HttpReply& out) {
    in.TakeMemory(in.body.size() * 1000);  // what the body names
    out.body = "read";
  });
  router.Add("POST", "/greedy", [](const HttpRequest&, HttpReply& out) { out.body = std::string(8 << 20, 'x'); });
  return router;
}

std::string Post(const std::string& path, size_t size, bool chunked = false) {
  const std::string head = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  if (!chunked) return head + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
  std::string text = head + "Transfer-Encoding: chunked\r\n\r\n";
  for (size_t sent = 0; sent < size; sent += 4096) text += "1000\r\n" + std::string(4096, 'x') + "\r\n";
  return text + "0\r\n\r\n";
}

std::string StatusOf(const ServerFixture& server, const std::string& request) {
  const WireClient client(server.port());
  client.Send(request);
  return client.ReadReply().first.substr(9, 3);
}

TEST_CASE("a body that never fits gets 413, before it is sent or while it comes; others are answered") {
  config::ServerConfig config;
  config.max_request_memory_mib = 4;
  const ServerFixture server(Echo(), config);
  CHECK(StatusOf(server, Post("/echo", 900 << 10)) == "200");
  CHECK(StatusOf(server, Post("/echo", 2 << 20)) == "413");
  CHECK(StatusOf(server, Post("/echo", 2 << 20, /*chunked=*/true)) == "413");
  CHECK(StatusOf(server, Post("/echo", 100 << 10, /*chunked=*/true)) == "200");
}

TEST_CASE("what a body names counts as the body does, before it is read") {
  config::ServerConfig config;
  config.max_request_memory_mib = 4;
  const ServerFixture server(Echo(), config);
  CHECK(StatusOf(server, Post("/names", 900)) == "200");
  const WireClient client(server.port());
  client.Send(Post("/names", 1100));
  const auto [head, body] = client.ReadReply();
  CHECK(head.substr(9, 3) == "413");
  CHECK(body.find("A body and what it names, of 1101100 bytes") != std::string::npos);
  CHECK(StatusOf(server, Post("/names", 900)) == "200");
}

TEST_CASE("while one body takes the memory, another one gets 503 with the time to try again; then it is free") {
  config::ServerConfig config;
  config.max_request_memory_mib = 4;
  const ServerFixture server(Echo(), config);
  WireClient slow(server.port());
  const std::string whole = Post("/echo", 900 << 10);
  slow.Send(whole.substr(0, whole.size() - 10));
  std::string refused;
  for (int i = 0; i < 2000 && refused.substr(0, 12) != "HTTP/1.1 503"; ++i) {
    const WireClient other(server.port());
    other.Send(Post("/echo", 400 << 10));
    refused = other.ReadReply().first;
  }
  CHECK(refused.substr(0, 12) == "HTTP/1.1 503");
  CHECK(refused.find("Retry-After: 1\r\n") != std::string::npos);
  slow.Send(whole.substr(whole.size() - 10));
  CHECK(slow.ReadReply().first.substr(9, 3) == "200");
  CHECK(StatusOf(server, Post("/echo", 400 << 10)) == "200");
}

TEST_CASE("an allocation that fails, of a body or in a handler, ends its request with 503 and nothing else") {
  const ServerFixture server(Echo(), config::ServerConfig());
  const std::string large = Post("/echo", 6 << 20), greedy = Post("/greedy", 2);
  {
    const testing::FailingAllocations faults({.min_size = 1 << 20, .count = 1000});
    CHECK(StatusOf(server, large) == "503");
    CHECK(StatusOf(server, greedy) == "503");
  }
  CHECK(StatusOf(server, Post("/greedy", 2)) == "200");
  CHECK(StatusOf(server, large) == "200");
}

}  // namespace
}  // namespace puna::server
