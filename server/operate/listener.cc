#include "server/operate/listener.h"

#include <cstdlib>
#include <utility>

#include "server/host/log.h"
#include "server/http/listen_socket.h"

namespace puna::server {
namespace {

constexpr int kProbeConnections = 64;

config::ServerConfig ProbeConfig(config::ServerConfig config) {
  config.port = config.metrics_port;
  if (config.host.starts_with("unix:")) config.host = "127.0.0.1";
  config.max_connections = kProbeConnections;
  config.max_body_mib = 1;
  config.tls_cert_file.clear();
  return config;
}

}  // namespace

Listener::Listener(HttpServer& http) : http_(http), thread_([this] { Run(); }) {}

Listener::~Listener() {
  if (!ended_) http_.Stop();
  thread_.join();
}

void Listener::Run() {
  http_.Serve();
  const engine::MutexLock lock(mutex_);
  ended_ = true;
  if (on_end_) on_end_();
}

void Listener::OnEnd(std::function<void()> call) {
  const engine::MutexLock lock(mutex_);
  on_end_ = std::move(call);
  if (ended_ && on_end_) on_end_();
}

ProbeListener::ProbeListener(const config::ServerConfig& config, Router router)
    : http_(config, /*num_workers=*/1, Dispatcher(std::move(router), ApiKeys({}), Cors({}), HostNames({"*"}))) {}

std::unique_ptr<ProbeListener> ProbeListener::Make(const config::ServerConfig& config, const Vitals& vitals,
                                                   Metrics& metrics) {
  const std::vector<int> passed = PassedSockets(/*for_metrics=*/true, std::getenv);
  if (config.metrics_port == 0 && passed.empty()) return nullptr;
  Router router;
  AddProbes(vitals, metrics, router);
  std::unique_ptr<ProbeListener> probes(new ProbeListener(ProbeConfig(config), std::move(router)));
  const int port = passed.empty() ? probes->http_.Bind("--metrics-port") : probes->http_.Adopt(passed);
  probes->listener_ = std::make_unique<Listener>(probes->http_);
  LogInfo("/health and /metrics are also on " + (port == 0 ? "a Unix socket" : "port " + std::to_string(port)));
  return probes;
}

}  // namespace puna::server
