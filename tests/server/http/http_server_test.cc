#include "server/http/http_server.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tests/server/http/http_fixture.h"

namespace puna::server {
namespace {

TEST_CASE("streams are chunked, piece by piece as written, and the connection lives on") {
  HttpFixture f;
  const WireClient c(f.port());
  for (int round = 0; round < 2; ++round) {
    c.Send("GET /words HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n");
    const std::string head = c.ReadUntil("\r\n\r\n");
    CHECK(head.rfind("HTTP/1.1 200 OK\r\n", 0) == 0);
    CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(head.find("X-Request-Id: mine\r\n") != std::string::npos);
    CHECK(c.ReadUntil("0\r\n\r\n") == "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  }
  const WireClient old(f.port());
  old.Send("GET /words HTTP/1.0\r\n\r\n");
  CHECK(old.ReadUntil("onetwo").find("chunked") == std::string::npos);
}

TEST_CASE("refused requests leave the connection usable, their bodies are not taken for requests") {
  HttpFixture f;
  const WireClient c(f.port());
  const auto post = [&](const std::string& path, const std::string& extra, const std::string& body) {
    c.Send("POST " + path + " HTTP/1.1\r\nHost: x\r\n" +
           (extra.find("Content-Type") == std::string::npos ? "Content-Type: application/json\r\n" : "") + extra +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    const auto [head, reply] = c.ReadReply();
    return head.substr(9, 3) + " " +
           (reply[0] == '{' ? nlohmann::json::parse(reply)["error"]["code"].get<std::string>() : reply);
  };
  CHECK(post("/size", "", "{}") == "200 2");
  CHECK(post("/none", "", "POST /size HTTP/1.1\r\n\r\n") == "404 unknown_url");
  CHECK(post("/size", "Content-Type: text/plain\r\n", std::string(100000, 'x')) == "415 unsupported_content_type");
  CHECK(post("/size", "Content-Type: multipart/form-data; boundary=b\r\n", "--b\r\n\r\nx\r\n--b--\r\n") ==
        "415 unsupported_content_type");
  CHECK(post("/size", "", std::string(1 << 20, 'x')) == "200 1048576");
  CHECK(post("/size", "", "") == "200 0");
  c.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n");  // no body and no length: nothing to wait for
  CHECK(c.ReadReply().second == "0");
  c.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  CHECK(c.ReadReply().second == "3");
  c.Send("GET /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 405", 0) == 0);
  CHECK(post("/size", "Expect: 100-Continue\r\n", "{}") == "200 2");  // the body is there: nothing to wait for
  c.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-Continue\r\nContent-Length: "
      "2\r\n\r\n");
  CHECK(c.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  c.Send("{}");
  CHECK(c.ReadReply().second == "2");
}

TEST_CASE("a body over the limit is refused before it comes, and while it comes") {
  for (const std::string extra : {"", "Expect: 100-continue\r\n"}) {
    for (const std::string size : {"1048577", "99999999999999999999999999"}) {
      HttpFixture f;
      const WireClient c(f.port());
      c.Send("POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + extra +
             "Content-Length: " + size + "\r\n\r\n");
      const auto [head, body] = c.ReadReply();
      CHECK(head.rfind("HTTP/1.1 413", 0) == 0);
      CHECK(nlohmann::json::parse(body)["error"]["code"] == "payload_too_large");
      CHECK(c.ReadUntil("any").empty());
    }
  }
  HttpFixture f;
  const WireClient c(f.port());  // sends all of it before it reads
  c.Send("POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n" +
         std::string(50000000, 'x'));
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 413", 0) == 0);
  const WireClient d(f.port());
  d.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n200000\r\n" +
      std::string(0x200000, 'x') + "\r\n0\r\n\r\n");
  CHECK(d.ReadReply().first.rfind("HTTP/1.1 413", 0) == 0);
  CHECK(d.ReadUntil("any").empty());
}

TEST_CASE("a client that leaves is noticed, in a stream and before it") {
  for (const char* path : {"/slow", "/wait"}) {
    CAPTURE(path);
    HttpFixture f;
    WireClient c(f.port());
    c.Send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    WaitFor(f.started);
    CHECK_FALSE(f.noticed);
    c.Close();
    WaitFor(f.noticed);
  }
}

TEST_CASE("a stop lets what runs finish, and takes nothing new") {
  HttpFixture f;
  const WireClient c(f.port());
  c.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  WaitFor(f.started);
  f.server().Stop();
  f.finish = true;
  c.ReadUntil("\r\n\r\n");  // the head; a request id may end in 0
  CHECK(c.ReadUntil("0\r\n\r\n").find("3\r\nend\r\n0\r\n\r\n") != std::string::npos);
  CHECK_FALSE(f.noticed);
}

TEST_CASE("a stop at any moment leaves no stream without its content") {
  int whole = 0;
  for (int round = 0; round < 40; ++round) {
    HttpFixture f;
    const WireClient c(f.port());
    c.Send("GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::microseconds(25 * round));
    f.server().Stop();
    const std::string head = c.ReadUntil("\r\n\r\n");
    if (head.rfind("HTTP/1.1 200", 0) != 0) continue;  // not begun, or refused
    CHECK(c.ReadUntil("0\r\n\r\n") == "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    ++whole;
  }
  CHECK(whole > 0);
}

TEST_CASE("a client that does not read holds up nobody") {
  HttpFixture f;
  std::vector<std::unique_ptr<WireClient>> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(std::make_unique<WireClient>(f.port()));
    idle.back()->Send(i % 2 == 0 ? "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
                                 : "POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
  }
  const WireClient c(f.port());
  c.Send("GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
  c.ReadUntil("\r\n\r\n");
  CHECK(c.ReadUntil("0\r\n\r\n").find("two") != std::string::npos);
  f.finish = true;
}

TEST_CASE("an exception in a stream ends that connection only") {
  HttpFixture f;
  const WireClient c(f.port());
  c.Send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.ReadUntil("half\r\n").find("4\r\nhalf\r\n") != std::string::npos);
  const WireClient d(f.port());
  d.Send("GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
  d.ReadUntil("\r\n\r\n");  // the head; a request id may end in 0
  CHECK(d.ReadUntil("0\r\n\r\n").find("two") != std::string::npos);
}

TEST_CASE("a port that is taken is an error that names it") {
  HttpFixture f;
  config::ServerConfig config;
  config.port = f.port();
  HttpServer second(config, 1, Dispatcher(Router(), ApiKeys({}), Cors({}), HostNames({"x"})));
  const std::string expected = "cannot listen on 127.0.0.1:" + std::to_string(f.port()) +
                               ": Address already in use; choose another --host or --port, or stop "
                               "the program that holds it";
  CHECK_THROWS_WITH_AS(second.Bind(), expected.c_str(), std::runtime_error);
}

TEST_CASE("a certificate that cannot be read is an error that names it") {
  config::ServerConfig config;
  config.tls_cert_file = "/no/cert.pem";
  config.tls_key_file = "/no/key.pem";
  CHECK_THROWS_AS(HttpServer(config, 1, Dispatcher(Router(), ApiKeys({}), Cors({}), HostNames({"x"}))),
                  std::runtime_error);
}

}  // namespace
}  // namespace puna::server
