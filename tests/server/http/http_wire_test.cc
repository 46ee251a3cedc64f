// HTTP/1.x as RFC 9110 and 9112 have it, over sockets.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "server/http/dispatcher.h"
#include "server/http/reply_bytes.h"
#include "tests/server/http/http_fixture.h"

namespace puna::server {
namespace {

TEST_CASE("what is said long after it was made tells no time") {
  for (const api::ApiError& error : {NoDescriptorLeft(), NoConnectionLeft(1)}) {
    const std::string reply = ErrorReply(error);
    CHECK(reply.starts_with("HTTP/1.1 503 "));
    CHECK(reply.find("\r\nRetry-After: 1\r\n") != std::string::npos);
    CHECK(reply.find("\r\nDate: ") == std::string::npos);
  }
}

TEST_CASE("pipelined requests are answered in order, wherever the bytes are cut") {
  HttpFixture f;
  const std::string requests =
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nGET GET /words "
      "HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5;a=b\r\nPOST \r\n0\r\nX: y\r\n\r\n"
      "GET /none HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n";
  for (size_t cut = 1; cut < requests.size(); ++cut) {
    CAPTURE(cut);
    const WireClient c(f.port());
    c.Send(requests.substr(0, cut));
    std::this_thread::yield();
    c.Send(requests.substr(cut));
    CHECK(c.ReadReply().second == "4");
    c.ReadUntil("\r\n\r\n");
    CHECK(c.ReadUntil("0\r\n\r\n") == "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    CHECK(c.ReadReply().second == "5");
    CHECK(c.ReadReply().first.rfind("HTTP/1.1 404", 0) == 0);
    CHECK(c.ReadUntil("any").empty());
  }
}

TEST_CASE("who asks for a websocket is told to go on over HTTP, where there is something for him") {
  HttpFixture f;
  const WireClient c(f.port());
  const auto ask = [&](const std::string& path) {
    c.Send("GET " + path +
           " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n");
    return c.ReadReply().first;
  };
  const std::string head = ask("/size");
  CHECK(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(head.find("\r\nUpgrade: HTTP/1.1\r\n") != std::string::npos);
  CHECK(ask("/none").starts_with("HTTP/1.1 404"));
  CHECK(ask("/words").starts_with("HTTP/1.1 200"));  // an offer may be declined
}

TEST_CASE("a request that fills many reads is one request") {
  HttpFixture f;
  const WireClient c(f.port());
  const std::string evil = "GET /words HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const size_t size : {4095, 4096, 4097, 8192, 65536, 65537}) {
    std::string body(size, 'x');
    body.replace(size / 2, evil.size(), evil);
    const std::string head = "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n";
    c.Send(head + body + head + body);
    CHECK(c.ReadReply().second == std::to_string(body.size()));
    CHECK(c.ReadReply().second == std::to_string(body.size()));
  }
}

TEST_CASE("a connection lives on as its client says, in whatever case") {
  HttpFixture f;
  const WireClient old(f.port());
  for (int i = 0; i < 2; ++i) {
    old.Send("GET /size HTTP/1.0\r\nConnection: keep-ALIVE\r\n\r\n");
    CHECK(old.ReadReply().first.find("Connection: keep-alive\r\n") != std::string::npos);
  }
  for (const char* last :
       {"GET /size HTTP/1.0\r\n\r\n", "GET /size HTTP/1.1\r\nHost: x\r\nConnection: x, CLOSE\r\n\r\n",
        "GET /size HTTP/1.1\r\n\r\n"}) {
    const WireClient c(f.port());
    c.Send(last);
    const std::string head = c.ReadReply().first;
    CHECK(head.find("Connection: close\r\n") != std::string::npos);
    CHECK(head.find("Date: ") != std::string::npos);
    CHECK(c.ReadUntil("any").empty());
  }
}

TEST_CASE("who has said all and waits is answered; OPTIONS * and absolute targets are") {
  HttpFixture f;
  const WireClient half(f.port());
  half.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  WaitFor(f.started);
  half.EndSending();
  f.finish = true;
  CHECK(half.ReadReply().second == "waited");
  const WireClient c(f.port());
  c.Send(
      "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nPOST http://x/size HTTP/1.1\r\nHost: x\r\nContent-Type: "
      "application/json\r\nContent-Length: 1\r\n\r\nx");
  CHECK(c.ReadUntil("\r\n\r\n").rfind("HTTP/1.1 204", 0) == 0);
  CHECK(c.ReadReply().second == "1");
}

TEST_CASE("where nobody can say how long a body is, it is refused at once and nothing may follow") {
  const std::string next = "GET /words HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string length :
       {"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Content-Length: -2\r\n", "Content-Length: two\r\n",
        "Content-Length: 2, 2\r\n", "Content-Length: 2x\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Expect: 100-continue\r\nContent-Length: two\r\n"}) {
    for (const std::string method : {"POST", "GET"}) {
      CAPTURE(length);
      HttpFixture f;
      const WireClient c(f.port());
      c.Send(method + " /size HTTP/1.1\r\nHost: x\r\n" + length + "\r\n{}" + next);
      const auto [head, body] = c.ReadReply();
      CHECK(head.rfind(length.find("gzip") == std::string::npos ? "HTTP/1.1 400" : "HTTP/1.1 501", 0) == 0);
      CHECK(head.find("Connection: close\r\n") != std::string::npos);
      CHECK(head.find("Keep-Alive") == std::string::npos);
      CHECK(nlohmann::json::parse(body)["error"]["code"] == (head[9] == '5' ? "not_implemented" : "invalid_http"));
      CHECK(c.ReadUntil("any").empty());
    }
  }
}

TEST_CASE("what is no HTTP gets an error object too") {
  HttpFixture f;
  for (const std::string& bad : {std::string("HELLO\r\n\r\n"), "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/1.1\r\nA: " + std::string(9000, 'x') + "\r\n\r\n"}) {
    const WireClient c(f.port());
    c.Send(bad);
    const auto [head, body] = c.ReadReply();
    CHECK(head.rfind("HTTP/1.1 4", 0) == 0);
    CHECK(nlohmann::json::parse(body)["error"]["type"] == "invalid_request_error");
  }
}

TEST_CASE("a chunk that is none ends the connection") {
  HttpFixture f;
  const WireClient c(f.port());
  c.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
      "GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 400", 0) == 0);
  CHECK(c.ReadUntil("any").empty());
}

}  // namespace
}  // namespace puna::server
