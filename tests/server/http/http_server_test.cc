#include "server/http/http_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/json/error.h"
#include "server/host/log.h"

namespace puna::server {
namespace {

// A plain connection, so that the tests see bytes and not a library's idea of them.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Connection() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Send(const std::string& bytes) const {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }
  // Reads until the bytes so far end with `end`, or the connection does.
  std::string ReadUntil(const std::string& end) const {
    std::string bytes;
    char c;
    while (bytes.size() < end.size() || bytes.compare(bytes.size() - end.size(), end.size(), end) != 0) {
      if (recv(fd_, &c, 1, 0) != 1) break;
      bytes += c;
    }
    return bytes;
  }
  std::string ReadBytes(size_t count) const {
    std::string bytes(count, '\0');
    const ssize_t n = recv(fd_, bytes.data(), count, MSG_WAITALL);
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
  }
  // A whole reply that has a Content-Length: status line and headers, then the body.
  std::pair<std::string, std::string> ReadReply() const {
    const std::string head = ReadUntil("\r\n\r\n");
    const size_t at = head.find("Content-Length: ");
    return {head, at == std::string::npos ? "" : ReadBytes(std::stoul(head.substr(at + 16)))};
  }

 private:
  int fd_;
};

// A server with a few routes, on a port of its own.
class Fixture {
 public:
  Fixture() : server_(Config(), Dispatcher(Routes(), ApiKeys({}), Cors({}))), port_(server_.Bind()) {
    SetUpLog("off", "text");
    thread_ = std::thread([this] { server_.Serve(); });
  }
  ~Fixture() {
    server_.Stop();
    thread_.join();
  }
  static config::ServerConfig Config() {
    config::ServerConfig config;
    config.port = 0;
    config.max_body_mib = 1;
    return config;
  }
  int port() const { return port_; }
  HttpServer& server() { return server_; }

  std::atomic<bool> started{false}, finish{false}, noticed{false};

 private:
  Router Routes() {
    Router router;
    router.Add("POST", "/size",
               [](const HttpRequest& in, HttpReply& out) { out.body = std::to_string(in.body.size()); });
    router.Add("GET", "/words", [](const HttpRequest&, HttpReply& out) {
      out.content_type = "text/event-stream";
      out.stream = [](ByteSink& sink) {
        for (const char* word : {"one", "two"}) sink.Write(word);
      };
    });
    router.Add("GET", "/slow", [this](const HttpRequest&, HttpReply& out) {
      out.stream = [this](ByteSink& sink) {
        started = true;
        while (!finish && !sink.client_gone()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        noticed = sink.client_gone();
        sink.Write("end");
      };
    });
    router.Add("GET", "/wait", [this](const HttpRequest& in, HttpReply&) {
      started = true;
      while (!in.client_gone()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      noticed = true;
    });
    router.Add("GET", "/broken", [](const HttpRequest&, HttpReply& out) {
      out.stream = [](ByteSink& sink) {
        sink.Write("half");
        throw std::runtime_error("lost");
      };
    });
    return router;
  }

  HttpServer server_;
  int port_;
  std::thread thread_;
};

void WaitFor(const std::atomic<bool>& flag) {
  for (int i = 0; i < 20000 && !flag; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(flag);
}

TEST_CASE("streams are chunked, piece by piece as written, and the connection lives on") {
  Fixture f;
  const Connection c(f.port());
  for (int round = 0; round < 2; ++round) {
    c.Send("GET /words HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n");
    const std::string head = c.ReadUntil("\r\n\r\n");
    CHECK(head.rfind("HTTP/1.1 200 OK\r\n", 0) == 0);
    CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(head.find("X-Request-Id: mine\r\n") != std::string::npos);
    CHECK(c.ReadUntil("0\r\n\r\n") == "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  }
  const Connection old(f.port());
  old.Send("GET /words HTTP/1.0\r\n\r\n");
  CHECK(old.ReadUntil("onetwo").find("chunked") == std::string::npos);
}

TEST_CASE("refused requests leave the connection usable, their bodies are not taken for requests") {
  Fixture f;
  const Connection c(f.port());
  const auto post = [&](const std::string& path, const std::string& extra, const std::string& body) {
    c.Send("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + extra + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body);
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
  c.Send("POST /size HTTP/1.1\r\nHost: x\r\n\r\n");  // no body and no length: nothing to wait for
  CHECK(c.ReadReply().second == "0");
  c.Send("POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  CHECK(c.ReadReply().second == "3");
  c.Send("GET /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 405", 0) == 0);
  CHECK(post("/size", "Expect: 100-continue\r\n", "{}").substr(0, 3) == "100");
}

TEST_CASE("what is no HTTP gets an error object too") {
  Fixture f;
  for (const std::string& bad : {std::string("HELLO\r\n\r\n"), "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/1.1\r\nA: " + std::string(9000, 'x') + "\r\n\r\n"}) {
    const Connection c(f.port());
    c.Send(bad);
    const auto [head, body] = c.ReadReply();
    CHECK(head.rfind("HTTP/1.1 4", 0) == 0);
    CHECK(nlohmann::json::parse(body)["error"]["type"] == "invalid_request_error");
  }
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
      Fixture f;
      const Connection c(f.port());
      c.Send(method + " /size HTTP/1.1\r\nHost: x\r\n" + length + "\r\n{}" + next);
      const auto [head, body] = c.ReadReply();
      CHECK(head.rfind("HTTP/1.1 400", 0) == 0);
      CHECK(head.find("Connection: close\r\n") != std::string::npos);
      CHECK(head.find("Keep-Alive") == std::string::npos);
      CHECK(nlohmann::json::parse(body)["error"]["code"] == "invalid_http");
      CHECK(c.ReadUntil("any").empty());
    }
  }
}

TEST_CASE("a body over the limit is refused before it comes, and while it comes") {
  for (const std::string extra : {"", "Expect: 100-continue\r\n"}) {
    for (const std::string size : {"1048577", "99999999999999999999999999"}) {
      Fixture f;
      const Connection c(f.port());
      c.Send("POST /size HTTP/1.1\r\nHost: x\r\n" + extra + "Content-Length: " + size + "\r\n\r\n");
      const auto [head, body] = c.ReadReply();
      CHECK(head.rfind("HTTP/1.1 413", 0) == 0);
      CHECK(nlohmann::json::parse(body)["error"]["code"] == "payload_too_large");
      CHECK(c.ReadUntil("any").empty());
    }
  }
  Fixture f;
  const Connection c(f.port());  // sends all of it before it reads
  c.Send("POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n" + std::string(50000000, 'x'));
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 413", 0) == 0);
  const Connection d(f.port());
  d.Send("POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + std::string(0x200000, 'x') +
         "\r\n0\r\n\r\n");
  CHECK(d.ReadReply().first.rfind("HTTP/1.1 413", 0) == 0);
  CHECK(d.ReadUntil("any").empty());
}

TEST_CASE("a chunk that is none ends the connection") {
  Fixture f;
  const Connection c(f.port());
  c.Send(
      "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
      "GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.ReadReply().first.rfind("HTTP/1.1 400", 0) == 0);
  CHECK(c.ReadUntil("any").empty());
}

TEST_CASE("a client that leaves is noticed, in a stream and before it") {
  for (const char* path : {"/slow", "/wait"}) {
    CAPTURE(path);
    Fixture f;
    Connection c(f.port());
    c.Send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    WaitFor(f.started);
    CHECK_FALSE(f.noticed);
    c.Close();
    WaitFor(f.noticed);
  }
}

TEST_CASE("a stop lets what runs finish, and takes nothing new") {
  Fixture f;
  const Connection c(f.port());
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
    Fixture f;
    const Connection c(f.port());
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

TEST_CASE("an exception in a stream ends that connection only") {
  Fixture f;
  const Connection c(f.port());
  c.Send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.ReadUntil("half\r\n").find("4\r\nhalf\r\n") != std::string::npos);
  const Connection d(f.port());
  d.Send("GET /words HTTP/1.1\r\nHost: x\r\n\r\n");
  d.ReadUntil("\r\n\r\n");  // the head; a request id may end in 0
  CHECK(d.ReadUntil("0\r\n\r\n").find("two") != std::string::npos);
}

TEST_CASE("a port that is taken is an error that names it") {
  Fixture f;
  config::ServerConfig config;
  config.port = f.port();
  HttpServer second(config, Dispatcher(Router(), ApiKeys({}), Cors({})));
  const std::string expected = "cannot listen on 127.0.0.1:" + std::to_string(f.port()) +
                               ": Address already in use; choose another --host or --port, or stop "
                               "the program that holds it";
  CHECK_THROWS_WITH_AS(second.Bind(), expected.c_str(), std::runtime_error);
}

TEST_CASE("a certificate that cannot be read is an error that names it") {
  config::ServerConfig config;
  config.tls_cert_file = "/no/cert.pem";
  config.tls_key_file = "/no/key.pem";
  CHECK_THROWS_AS(HttpServer(config, Dispatcher(Router(), ApiKeys({}), Cors({}))), std::runtime_error);
}

}  // namespace
}  // namespace puna::server
