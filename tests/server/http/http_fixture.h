// A server on a port of its own, and clients that see bytes.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "server/host/log.h"
#include "server/http/http_server.h"

namespace puna::server {

// A plain connection, so that the tests see bytes and not a library's idea of them.
class WireClient {
 public:
  explicit WireClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~WireClient() { Close(); }
  void EndSending() const { shutdown(fd_, SHUT_WR); }
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

// A reply that comes from a function, called again each millisecond until it says that it is done.
class FunctionTask : public ReplyTask {
 public:
  explicit FunctionTask(std::function<bool(ByteSink&)> advance) : advance_(std::move(advance)) {}
  void Start(std::function<void()>) override {}
  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink& sink) override {
    if (advance_(sink)) return std::nullopt;
    return Clock::now() + std::chrono::milliseconds(1);
  }

 private:
  std::function<bool(ByteSink&)> advance_;
};

// A server with a few routes, on a port of its own.
class HttpFixture {
 public:
  HttpFixture()
      : server_(Config(), 2, Dispatcher(Routes(), ApiKeys({}), Cors({}), HostNames({"x"}))), port_(server_.Bind()) {
    SetUpLog("off", "text");
    thread_ = std::thread([this] { server_.Serve(); });
  }
  ~HttpFixture() {
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
      out.stream = std::make_unique<FunctionTask>([](ByteSink& sink) {
        for (const char* word : {"one", "two"}) sink.Write(word);
        return true;
      });
    });
    router.Add("GET", "/slow", [this](const HttpRequest&, HttpReply& out) {
      out.stream = std::make_unique<FunctionTask>([this](ByteSink& sink) {
        started = true;
        if (!finish && !sink.client_gone()) return false;
        noticed = sink.client_gone();
        sink.Write("end");
        return true;
      });
    });
    router.Add("GET", "/wait", [this](const HttpRequest&, HttpReply& out) {
      out.body = "waited";
      out.later = std::make_unique<FunctionTask>([this](ByteSink& sink) {
        started = true;
        if (sink.client_gone()) noticed = true;
        return noticed || finish;
      });
    });
    router.Add("GET", "/broken", [](const HttpRequest&, HttpReply& out) {
      out.stream = std::make_unique<FunctionTask>([](ByteSink& sink) -> bool {
        sink.Write("half");
        throw std::runtime_error("lost");
      });
    });
    return router;
  }

  HttpServer server_;
  int port_;
  std::thread thread_;
};

inline void WaitFor(const std::atomic<bool>& flag) {
  for (int i = 0; i < 20000 && !flag; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(flag);
}

}  // namespace puna::server
