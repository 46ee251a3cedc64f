#include "server/http/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <new>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "server/host/log.h"
#include "server/http/acceptor.h"
#include "server/http/connection.h"
#include "server/http/http_context.h"
#include "server/http/listen_socket.h"
#include "server/http/reply_bytes.h"

namespace puna::server {
namespace {

// Beside max_connections: they answer probes, and tell the others that there is no place.
constexpr size_t kReserve = 64;
constexpr std::chrono::seconds kErrorEvery{10};  // at most one line in the log
// A client whose machine has vanished: asked after so long, so often, and given up after so much silence.
constexpr int kProbeIdleSeconds = 15, kProbeEverySeconds = 5, kProbes = 3;
constexpr unsigned kUnacknowledgedMs = 30000;

template <typename Value>
void Set(int socket, int level, int option, Value value) {
  setsockopt(socket, level, option, &value, sizeof value);  // a Unix socket knows none of them
}

void SetOptions(int socket) {
  Set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kProbeIdleSeconds);
  Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kProbeEverySeconds);
  Set(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  Set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMs);
}

std::shared_ptr<const TlsContext> MakeTls(const config::ServerConfig& config) {
  if (config.tls_cert_file.empty()) return nullptr;
  return std::make_shared<const TlsContext>(config.tls_cert_file, config.tls_key_file);
}

}  // namespace

struct HttpServer::Impl {
  Impl(const config::ServerConfig& config, size_t num_workers, Dispatcher dispatcher)
      : context(std::make_shared<HttpContext>(config, num_workers, std::move(dispatcher))) {
    const engine::MutexLock lock(context->mutex);
    context->tls = MakeTls(config);
  }

  void Listen(int socket) {
    const std::string refusal = context->CurrentTls() ? "" : ErrorReply(NoDescriptorLeft());
    acceptors.emplace_back(context->loop, socket, refusal,
                           Acceptor::Calls{[this](int fd) { Take(fd); }, [this](int error) { CountError(error); },
                                           [this](int error) { EndAccepting(error); }});
  }

  // Owns the socket.
  void Take(int socket) {
    SetOptions(socket);
    std::shared_ptr<Connection> connection;
    try {
      const bool in_reserve =
          connections.size() - reserve.size() >= static_cast<size_t>(context->config.max_connections);
      if (in_reserve && reserve.size() >= kReserve) reserve.front()->Evict();
      connection = std::make_shared<Connection>(context, socket, PeerOf(socket), in_reserve,
                                                [this](Connection& closed) { Forget(closed); });
      connections.emplace(connection.get(), connection);
      if (in_reserve) reserve.push_back(connection.get());
      connection->Begin();
      if (stopping) connection->Stop();
    } catch (const std::exception&) {  // no memory for it, or none of the system's
      CountError(ENOMEM);
      if (!context->CurrentTls()) SayLast(socket, context->no_memory);
      connection ? connection->Close() : static_cast<void>(close(socket));
    }
  }

  void Forget(Connection& connection) {
    if (connection.in_reserve()) reserve.remove(&connection);
    connections.erase(&connection);
    if (stopping && connections.empty()) context->loop.Stop();
  }

  // On the loop. The connections that wait to be accepted are: closing the socket would reset them.
  void StopAccepting() {
    stopping = true;
    for (Acceptor& acceptor : acceptors) {
      acceptor.AcceptWaiting();
      acceptor.Close();
    }
    if (!path.empty()) unlink(path.c_str());
    for (auto next = connections.begin(); next != connections.end();) {  // each may go meanwhile, and no other one
      const std::shared_ptr<Connection> connection = (next++)->second;
      connection->Stop();
    }
    if (connections.empty()) context->loop.Stop();
  }

  void CountError(int error) {
    ++context->accept_errors;
    const auto now = EventLoop::Clock::now();
    if (now - last_error_line < kErrorEvery) return;
    last_error_line = now;
    try {
      LogWarning(std::string("a connection could not be accepted: ") + std::strerror(error));
    } catch (const std::bad_alloc&) {
    }
  }

  void EndAccepting(int error) {
    refused = true;
    try {
      LogError(std::string("the system refuses to accept connections: ") + std::strerror(error));
    } catch (const std::bad_alloc&) {
    }
    StopAccepting();
  }

  void CloseAll() {
    for (Acceptor& acceptor : acceptors) acceptor.Close();
    while (!connections.empty()) std::shared_ptr(connections.begin()->second)->Close();
  }

  std::shared_ptr<HttpContext> context;
  std::list<Acceptor> acceptors;
  std::string path;  // of the Unix socket; empty: none

  // Of the loop's thread.
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  std::list<Connection*> reserve;  // those among them that have no place, the oldest first
  bool stopping = false, refused = false;
  EventLoop::Clock::time_point last_error_line;
};

HttpServer::HttpServer(const config::ServerConfig& config, size_t num_workers, Dispatcher dispatcher)
    : impl_(std::make_unique<Impl>(config, num_workers, std::move(dispatcher))) {}

// Whatever is still being answered is for nobody from now on; the workers end it.
HttpServer::~HttpServer() {
  impl_->CloseAll();
  impl_->context->pool.Stop();
}

void HttpServer::Replace(Dispatcher dispatcher) {
  auto fresh = std::make_shared<const Dispatcher>(std::move(dispatcher));
  const engine::MutexLock lock(impl_->context->mutex);
  impl_->context->dispatcher = std::move(fresh);
}

void HttpServer::ReplaceCertificate(const config::ServerConfig& config) {
  std::shared_ptr<const TlsContext> fresh = MakeTls(config);
  const engine::MutexLock lock(impl_->context->mutex);
  if (fresh && impl_->context->tls) impl_->context->tls = std::move(fresh);
}

void HttpServer::OnRequest(std::function<void(const AccessLine&)> observer) {
  impl_->context->observer = std::move(observer);
}

int HttpServer::open_connections() const { return impl_->context->open; }
uint64_t HttpServer::cut_connections() const { return impl_->context->cut; }
uint64_t HttpServer::accept_errors() const { return impl_->context->accept_errors; }
RequestMemory& HttpServer::request_memory() { return impl_->context->memory; }

int HttpServer::Bind(const std::string& option) {
  const config::ServerConfig& config = impl_->context->config;
  if (const std::string path = UnixPathOf(config.host); !path.empty()) {
    impl_->Listen(ListenOnPath(path));
    impl_->path = path;
    return 0;
  }
  const int socket = ListenOn(config.host, config.port, option);
  impl_->Listen(socket);
  return PortOf(socket);
}

int HttpServer::Adopt(const std::vector<int>& sockets) {
  for (const int socket : sockets) impl_->Listen(socket);
  return sockets.empty() ? 0 : PortOf(sockets.front());
}

bool HttpServer::Serve() {
  for (Acceptor& acceptor : impl_->acceptors) acceptor.Begin();
  impl_->context->loop.Run();
  return !impl_->refused;
}

void HttpServer::Stop() {
  if (impl_->context->stopping.exchange(true)) return;
  impl_->context->loop.Post([impl = impl_.get()] { impl->StopAccepting(); });
}

}  // namespace puna::server
