// Threads that accept connections: of the server, and of a second one that answers probes alone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "engine/base/mutex.h"
#include "server/http/http_server.h"
#include "server/operate/probes.h"

namespace puna::server {

// Serves on a thread of its own until the server stops; the destructor stops it and waits.
class Listener {
 public:
  explicit Listener(HttpServer& http);  // which is bound, and outlives this object
  ~Listener();
  Listener(const Listener&) = delete;

  bool ended() const { return ended_; }
  // Called when serving ends, from that thread; at once when it has.
  void OnEnd(std::function<void()> call);

 private:
  void Run();

  HttpServer& http_;
  std::atomic<bool> ended_{false};
  engine::Mutex mutex_;
  std::function<void()> on_end_ PUNA_GUARDED_BY(mutex_);
  std::thread thread_;
};

// --metrics-port: probes on a port and threads that no client of the model can hold.
class ProbeListener {
 public:
  // Null when the operator wants none. Takes the port; throws std::runtime_error.
  static std::unique_ptr<ProbeListener> Make(const config::ServerConfig& config, const Vitals& vitals,
                                             Metrics& metrics);

 private:
  ProbeListener(const config::ServerConfig& config, Router router);

  HttpServer http_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace puna::server
