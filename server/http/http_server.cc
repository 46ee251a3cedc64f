#include "server/http/http_server.h"

#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/connection_guard.h"
#include "server/http/http_body.h"
#include "server/http/stream_starts.h"
#include "server/http/thread_pool.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReadTimeoutSeconds = 10;   // between two pieces of a request
constexpr int kWriteTimeoutSeconds = 30;  // a reader that takes nothing for so long has left
constexpr int kKeepAliveSeconds = 30;     // an idle connection

// What a client may take in all, beside the times between two bytes.
constexpr std::chrono::seconds kHeadTime{20};
constexpr std::chrono::seconds kReserveTime{2};
constexpr std::chrono::milliseconds kReserveLinger{500};  // no second request there
constexpr size_t kReserveThreads = 8;
constexpr std::chrono::seconds kPromiseTime{2};  // from the reply to the stream's first write

thread_local bool in_reserve = false;

// When all threads are taken, a few more answer probes, and tell the others that there is no place.
class PoolAdapter : public httplib::TaskQueue {
 public:
  explicit PoolAdapter(size_t max_threads) : pool_(max_threads), reserve_(kReserveThreads) {}
  bool enqueue(std::function<void()> task) override {
    if (pool_.Enqueue(task)) return true;
    return reserve_.Enqueue([task = std::move(task)] {
      in_reserve = true;
      task();
    });
  }
  void shutdown() override {
    pool_.Shutdown();
    reserve_.Shutdown();
  }

 private:
  ThreadPool pool_, reserve_;
};

// httplib::Server or SSLServer, whose connections are guarded.
template <typename Base>
class Guarded : public Base {
 public:
  template <typename... Args>
  explicit Guarded(ConnectionGuard& guard, Args... args) : Base(args...), guard_(guard) {}

 private:
  bool process_and_close_socket(socket_t sock) override {
    ConnectionGuard::Connection connection(guard_, sock, in_reserve);
    connection.Expect(in_reserve ? kReserveTime : kHeadTime);
    return Base::process_and_close_socket(sock);
  }

  ConnectionGuard& guard_;
};

// How long an answer may take to be read, and the next head to come.
ConnectionGuard::Clock::duration TimeAfterReply(size_t bytes) {
  const std::chrono::duration<double> reading(static_cast<double>(bytes) / kSlowestBytesPerSecond);
  return std::chrono::seconds(kKeepAliveSeconds + kWriteTimeoutSeconds) + kHeadTime +
         std::chrono::duration_cast<ConnectionGuard::Clock::duration>(reading);
}

class SinkAdapter : public ByteSink {
 public:
  SinkAdapter(httplib::DataSink& sink, std::function<bool()> gone) : sink_(sink), gone_(std::move(gone)) {}
  bool Write(std::string_view bytes) override {
    ConnectionGuard::Connection* connection = ConnectionGuard::Connection::Current();
    if (connection != nullptr) connection->Expect(TimeAfterReply(bytes.size()));
    open_ = open_ && sink_.write(bytes.data(), bytes.size());
    if (connection != nullptr) connection->ExpectNothing();
    return open_;
  }
  bool client_gone() override { return !open_ || gone_(); }
  bool open() const { return open_; }

 private:
  httplib::DataSink& sink_;
  std::function<bool()> gone_;
  bool open_ = true;
};

using Observer = std::function<void(const AccessLine&)>;

void FinishAccess(AccessLine& line, int status, Clock::time_point start, const Observer& observer, size_t bytes = 0) {
  line.status = status;
  line.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  LogRequest(line);
  if (observer) observer(line);
  ConnectionGuard::Connection* connection = ConnectionGuard::Connection::Current();
  if (connection == nullptr) return;
  connection->Expect(connection->in_reserve() ? kReserveLinger : TimeAfterReply(bytes));
}

// The whole stream is written in one call of the library, so that a stop of the server does not cut
// it.
void SetStream(const httplib::Request& in, HttpReply reply, StreamStarts::Promise promise, Clock::time_point start,
               httplib::Response& out, const Observer& observer) {
  auto shared = std::make_shared<HttpReply>(std::move(reply));
  auto held = std::make_shared<StreamStarts::Promise>(std::move(promise));
  auto provider = [shared, held, start, &observer, gone = in.is_connection_closed](size_t, httplib::DataSink& sink) {
    held->reset();
    SinkAdapter adapter(sink, gone);
    try {
      shared->stream(adapter);
    } catch (const std::exception& error) {
      LogError("request " + shared->access->id + " failed in its stream: " + error.what());
      shared->access->error = "internal_error";
    }
    if (!adapter.open() && shared->access->finish.empty()) shared->access->finish = "client left";
    FinishAccess(*shared->access, shared->status, start, observer);
    if (adapter.open()) sink.done();
    return adapter.open();
  };
  if (in.version == "HTTP/1.0") {  // knows no chunks; the end of the connection ends the body
    out.set_content_provider(shared->content_type, std::move(provider));
  } else {
    out.set_chunked_content_provider(shared->content_type, std::move(provider));
  }
}

void ReplaceBy(const api::ApiError& error, HttpReply& reply) {
  try {
    throw error;
  } catch (...) {
    ReplyWithCurrentException(reply);
  }
}

void Send(const httplib::Request& in, HttpReply reply, StreamStarts& starts, Clock::time_point start,
          httplib::Response& out, const Observer& observer) {
  StreamStarts::Promise promise = reply.stream ? starts.Make() : nullptr;
  if (reply.stream && promise == nullptr) ReplaceBy(api::ShuttingDown(1), reply);
  out.status = reply.status;
  for (const auto& [name, value] : reply.headers) out.set_header(name, value);
  if (reply.stream) return SetStream(in, std::move(reply), std::move(promise), start, out, observer);
  const size_t bytes = reply.body.size();
  if (!reply.body.empty()) out.set_content(std::move(reply.body), reply.content_type);
  FinishAccess(*reply.access, reply.status, start, observer, bytes);
}

// Refuses what no handler shall see; where its body ends is not known.
void Refuse(const httplib::Request& in, const api::ApiError& error, httplib::Response& out, const Observer& observer) {
  AccessLine line;
  line.id = RequestId("");
  line.method = in.method;
  line.path = in.path;
  line.error = error.code();
  out.status = error.status();
  out.set_content(error.ToJson(), "application/json");
  out.set_header("X-Request-Id", line.id);
  FinishAccess(line, out.status, Clock::now(), observer);
  auto* connection = ConnectionGuard::Connection::Current();
  if (connection != nullptr) connection->EndAfterReply();
}

// What the library refuses by itself, before there is a route: bad request lines, oversized heads,
// odd encodings.
void ReplyForLibrary(const httplib::Request& in, httplib::Response& out, const Observer& observer) {
  if (!out.body.empty() || out.content_provider_) return;
  const std::string what = out.status == 414   ? "The request line is too long."
                           : out.status == 416 ? "Ranges are not supported here."
                                               : "The request is not one of HTTP/1.1, or its head is too large.";
  Refuse(in, api::ApiError(out.status, "invalid_request_error", "invalid_http", what), out, observer);
}

// The library would say that the connection stays.
void SayThatItEnds(const httplib::Request&, httplib::Response& out) {
  const auto* connection = ConnectionGuard::Connection::Current();
  if (connection == nullptr || !connection->ends()) return;
  out.headers.erase("Keep-Alive");
  out.headers.erase("Connection");
  out.set_header("Connection", "close");
}

std::unique_ptr<httplib::Server> MakeServer(const config::ServerConfig& config, ConnectionGuard& guard) {
  if (config.tls_cert_file.empty()) return std::make_unique<Guarded<httplib::Server>>(guard);
  auto server =
      std::make_unique<Guarded<httplib::SSLServer>>(guard, config.tls_cert_file.c_str(), config.tls_key_file.c_str());
  if (!server->is_valid()) {
    throw std::runtime_error("cannot use the certificate " + config.tls_cert_file + " with the key " +
                             config.tls_key_file + "; both must be PEM files that belong together");
  }
  return server;
}

}  // namespace

struct HttpServer::Impl {
  Impl(const config::ServerConfig& c, Dispatcher d)
      : config(c), dispatcher(std::make_shared<const Dispatcher>(std::move(d))), http(MakeServer(c, guard)) {}

  void Handle(const httplib::Request& in, httplib::Response& out, const httplib::ContentReader* reader) const {
    const Clock::time_point start = Clock::now();
    ConnectionGuard::Connection* connection = ConnectionGuard::Connection::Current();
    if (connection != nullptr) connection->ExpectNothing();
    HttpRequest request;
    request.id = RequestId(in.get_header_value("X-Request-Id"));
    request.method = in.method;
    request.path = in.path;
    request.query = [&in](const std::string& name) { return in.get_param_value(name); };
    request.header = [&in](const std::string& name) { return in.get_header_value(name); };
    request.client_gone = in.is_connection_closed;
    HttpReply reply;
    reply.access->id = request.id;
    reply.access->method = in.method;
    reply.access->path = in.path;
    Body body(in, out, reader, MaxBody());
    if (connection != nullptr && connection->in_reserve() && !IsProbe(in.path)) {
      RefuseForLackOfThreads(reply);
    } else {
      Current()->Dispatch(
          request, [&] { return body.Read(); }, reply);
    }
    if (connection != nullptr) connection->Expect(kBodyTime);
    body.Discard();
    if (connection != nullptr) connection->ExpectNothing();
    Send(in, std::move(reply), starts, start, out, observer);
  }

  bool RefuseUnframed(const httplib::Request& in, httplib::Response& out) const {
    const auto fault = FramingFault(in, MaxBody());
    if (fault) Refuse(in, *fault, out, observer);
    return fault.has_value();
  }

  void RefuseForLackOfThreads(HttpReply& reply) const {
    reply.headers["X-Request-Id"] = reply.access->id;
    ReplaceBy(api::ApiError(503, "server_error", "too_many_connections",
                            "All " + std::to_string(config.max_connections) + " connections of this server are taken.")
                  .WithRetryAfter(1),
              reply);
  }

  std::shared_ptr<const Dispatcher> Current() const {
    const std::lock_guard lock(mutex);
    return dispatcher;
  }

  size_t MaxBody() const { return size_t{1} * config.max_body_mib << 20; }

  void SetUp() {
    http->new_task_queue = [this] { return new PoolAdapter(config.max_connections); };
    http->set_tcp_nodelay(true);
    http->set_read_timeout(kReadTimeoutSeconds);
    http->set_write_timeout(kWriteTimeoutSeconds);
    http->set_keep_alive_timeout(kKeepAliveSeconds);
    http->set_keep_alive_max_count(1 << 20);
    http->set_payload_max_length(MaxBody());
    // Not SO_REUSEPORT, the library's choice: two servers could then take the same port without a
    // word.
    http->set_socket_options([](auto socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    http->set_error_handler(
        [this](const httplib::Request& in, httplib::Response& out) { ReplyForLibrary(in, out, observer); });
    http->set_pre_routing_handler([this](const httplib::Request& in, httplib::Response& out) {
      using Response = httplib::Server::HandlerResponse;
      return RefuseUnframed(in, out) ? Response::Handled : Response::Unhandled;
    });
    http->set_expect_100_continue_handler([this](const httplib::Request& in, httplib::Response& out) {
      return RefuseUnframed(in, out) ? out.status : static_cast<int>(httplib::StatusCode::Continue_100);
    });
    http->set_post_routing_handler(SayThatItEnds);
    http->set_logger([](const httplib::Request&, const httplib::Response&) {
      auto* connection = ConnectionGuard::Connection::Current();
      if (connection != nullptr && connection->ends()) connection->Linger();
    });
    const auto without_body = [this](const httplib::Request& in, httplib::Response& out) { Handle(in, out, nullptr); };
    const auto with_body = [this](const httplib::Request& in, httplib::Response& out,
                                  const httplib::ContentReader& reader) { Handle(in, out, &reader); };
    const char* any = R"([\s\S]*)";
    http->Get(any, without_body).Options(any, without_body);
    http->Post(any, with_body).Put(any, with_body).Patch(any, with_body).Delete(any, with_body);
  }

  config::ServerConfig config;
  mutable std::mutex mutex;
  std::shared_ptr<const Dispatcher> dispatcher;  // under the mutex
  Observer observer;
  mutable StreamStarts starts;
  ConnectionGuard guard;
  std::unique_ptr<httplib::Server> http;
  std::atomic<bool> stopped{false};
};

HttpServer::HttpServer(const config::ServerConfig& config, Dispatcher dispatcher)
    : impl_(std::make_unique<Impl>(config, std::move(dispatcher))) {
  impl_->SetUp();
}

HttpServer::~HttpServer() = default;

void HttpServer::Replace(Dispatcher dispatcher) {
  auto fresh = std::make_shared<const Dispatcher>(std::move(dispatcher));
  const std::lock_guard lock(impl_->mutex);
  impl_->dispatcher = std::move(fresh);
}

void HttpServer::OnRequest(std::function<void(const AccessLine&)> observer) { impl_->observer = std::move(observer); }

int HttpServer::open_connections() const { return impl_->guard.open(); }

uint64_t HttpServer::cut_connections() const { return impl_->guard.cut(); }

int HttpServer::Bind(const std::string& option) {
  const config::ServerConfig& config = impl_->config;
  errno = 0;
  const int port = config.port != 0 ? (impl_->http->bind_to_port(config.host, config.port) ? config.port : -1)
                                    : impl_->http->bind_to_any_port(config.host);
  if (port > 0) return port;
  const std::string reason = errno != 0 ? std::strerror(errno) : "no such address";
  throw std::runtime_error("cannot listen on " + config.host + ":" + std::to_string(config.port) + ": " + reason +
                           "; choose another " + option + ", or stop the program that holds it");
}

bool HttpServer::Serve() { return impl_->http->listen_after_bind(); }

void HttpServer::Stop() {
  if (impl_->stopped.exchange(true)) return;
  impl_->http->wait_until_ready();
  impl_->starts.Close(kPromiseTime);
  impl_->http->stop();
}

}  // namespace puna::server
