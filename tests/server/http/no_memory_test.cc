// An allocation that fails, at any point between the socket and the handler, ends its request with 503 in the form that its client
// reads, and nothing else.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <utility>

#include "tests/server/http/http_fixture.h"
#include "tests/support/failing_allocations.h"

namespace puna::server {
namespace {

using testing::AllocationFaults;
using testing::FailingAllocations;

class WholeLater final : public ReplyTask {
 public:
  void Start(std::function<void()> wake) override { wake(); }
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink&) override {
    reply.body = std::string(3000, 'l');
    return std::nullopt;
  }
};

class ScarceServer {
 public:
  ScarceServer()
      : server_(HttpFixture::Config(), 2, Dispatcher(Routes(), ApiKeys({}), Cors({}), HostNames({"x"}))),
        port_(server_.Bind()) {
    SetUpLog("off", "text");
    server_.OnRequest([](const AccessLine& line) { static_cast<void>(std::string(64, 'o') + line.id); });
    thread_ = std::thread([this] { server_.Serve(); });
  }
  ~ScarceServer() {
    server_.Stop();
    thread_.join();
  }
  int port() const { return port_; }
  size_t memory_used() { return server_.request_memory().used(); }

 private:
  static Router Routes() {
    Router router;
    const Handler echo = [](const HttpRequest& in, HttpReply& out) {
      out.body = "{" + in.body + std::string(100, ' ') + "}";
    };
    for (const char* path : {"/v1/chat/completions", "/v1/messages", "/api/chat"}) router.Add("POST", path, echo);
    router.Add("POST", "/later",
               [](const HttpRequest&, HttpReply& out) { out.later = std::make_unique<WholeLater>(); });
    router.Add("POST", "/stream", [](const HttpRequest&, HttpReply& out) {
      out.content_type = "text/event-stream";
      out.stream = std::make_unique<FunctionTask>([](ByteSink& sink) { return sink.Write("data: x"), true; });
    });
    return router;
  }

  HttpServer server_;
  int port_;
  std::thread thread_;
};

std::string PostTo(const std::string& path, bool chunked) {
  const std::string head = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const std::string body(2000, 'b');
  if (chunked) return head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + body + "\r\n0\r\n\r\n";
  return head + "Content-Length: 2000\r\n\r\n" + body;
}

struct Reply {
  std::string status, head, body;
  uint64_t seen = 0;
};

Reply Ask(const ScarceServer& server, const std::string& request, uint64_t skip, uint64_t count) {
  FailingAllocations faults({.skip = skip, .count = count, .of = AllocationFaults::Of::kOtherThreads});
  const WireClient client(server.port());
  client.Send(request);
  const auto [head, body] = client.ReadReply();
  return {head.size() > 12 ? head.substr(9, 3) : "nothing", head, body, faults.num_seen()};
}

// How the error begins that a client of this path reads.
std::string BeginningOf(const std::string& path) {
  if (path == "/v1/messages") return R"({"type":"error","error":{"type":")";
  if (path == "/api/chat") return R"({"error":"This server has no memory left)";
  return R"({"error":{"message":"This server has no memory left)";
}

void FailThrough(ScarceServer& server, const std::string& path, bool chunked) {
  CAPTURE(path);
  const std::string request = PostTo(path, chunked);
  const uint64_t seen = Ask(server, request, 0, 0).seen;
  REQUIRE(seen > 20);
  int refused = 0, in_general = 0;
  // The server goes on behind the reply, and a request's last allocations may be counted with the next one's.
  for (uint64_t skip = 0; skip < seen + 5; ++skip) {
    CAPTURE(skip);
    const Reply reply = Ask(server, request, skip, 1);
    if (reply.status == "200") continue;
    CHECK(reply.status == "503");
    ++refused;
    const bool in_its_form = reply.body.starts_with(BeginningOf(path));
    in_general += !in_its_form && reply.body.starts_with(BeginningOf("/v1"));
    CHECK(in_its_form + reply.body.starts_with(BeginningOf("/v1")) > 0);
    CHECK(reply.head.find("Retry-After: 1\r\n") != std::string::npos);
  }
  CHECK(refused > 5);
  CHECK(4 * in_general < refused);  // where it is not known yet what is asked
}

TEST_CASE("one allocation fails, each in turn: 503 in the client's form, or nothing that matters") {
  ScarceServer server;
  for (const char* path : {"/v1/chat/completions", "/v1/messages", "/api/chat", "/later"}) {
    for (const bool chunked : {false, true}) FailThrough(server, path, chunked);
  }
  CHECK(Ask(server, PostTo("/later", false), 0, 0).status == "200");
  CHECK(server.memory_used() == 0);
}

TEST_CASE("all allocations fail from one on: what was made before is said") {
  ScarceServer server;
  const std::string request = PostTo("/v1/chat/completions", false);
  const uint64_t seen = Ask(server, request, 0, 0).seen;
  for (uint64_t skip = 0; skip < seen; ++skip) {
    CAPTURE(skip);
    const std::string status = Ask(server, request, skip, 1'000'000).status;
    const bool told = status == "503" || status == "200";
    CHECK(told);
  }
  CHECK(Ask(server, request, 0, 0).status == "200");
}

TEST_CASE("a stream whose memory fails is told so before its head, or cut behind it") {
  ScarceServer server;
  const std::string request = PostTo("/stream", false);
  const uint64_t seen = Ask(server, request, 0, 0).seen;
  for (uint64_t skip = 0; skip < seen + 5; ++skip) {
    CAPTURE(skip);
    const std::string status = Ask(server, request, skip, 1).status;
    const bool told = status == "503" || status == "200";
    CHECK(told);
  }
}

}  // namespace
}  // namespace puna::server
