// The socket side: one thread accepts, reads, writes and watches all connections (EventLoop), a few compute what is ready
// (WorkerPool). cpp-httplib reads the heads of requests, the Dispatcher finds who answers them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/server_config.h"
#include "server/http/access_log.h"
#include "server/http/dispatcher.h"
#include "server/http/request_memory.h"

namespace puna::server {

class HttpServer {
 public:
  // Throws std::runtime_error when the certificate or its key cannot be used, a trusted proxy is none, or the system gives no
  // thread.
  HttpServer(const config::ServerConfig& config, size_t num_workers, Dispatcher dispatcher);
  ~HttpServer();

  // What answers from the next request on; from any thread.
  void Replace(Dispatcher dispatcher);
  // The certificate of connections from now on, read again from these files. Throws std::runtime_error when they cannot be
  // used; nothing changes then, nor where there is no TLS. From any thread.
  void ReplaceCertificate(const config::ServerConfig& config);
  // Called with each request's line in the log. Before Serve.
  void OnRequest(std::function<void(const AccessLine&)> observer);

  int open_connections() const;
  uint64_t cut_connections() const;  // of clients that took too long
  uint64_t accept_errors() const;    // that passed
  RequestMemory& request_memory();

  // Takes the port and returns its number; 0: a Unix socket has none. Throws std::runtime_error: address, reason, remedy.
  int Bind(const std::string& option = "--host or --port");
  // Takes sockets that listen already in its place.
  int Adopt(const std::vector<int>& sockets);

  // Answers until Stop is called, then until the requests that are being answered have ended.
  // False: the system refused to go on accepting.
  bool Serve();

  // Accepts no more; from any thread. Waits for a Serve that another thread is about to call.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace puna::server
