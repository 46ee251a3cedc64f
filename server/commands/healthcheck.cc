#include "server/commands/healthcheck.h"

#include <httplib.h>

#include "server/http/listen_socket.h"

namespace puna::server {
namespace {

constexpr int kTimeoutSeconds = 4;  // below Docker's own, so that a reason is printed

std::string Reachable(const std::string& host) {
  if (host == "0.0.0.0" || host.empty()) return "127.0.0.1";
  if (host == "::" || host == "[::]") return "::1";
  return host;
}

template <typename Client>
HealthAnswer Ask(Client& client, const std::string& where) {
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  const auto result = client.Get("/health");
  if (!result) return {false, "unhealthy: " + where + " does not answer (" + httplib::to_string(result.error()) + ")"};
  if (result->status != 200) {
    return {false, "unhealthy: " + where + " answers " + std::to_string(result->status) + " " + result->body};
  }
  return {true, "healthy: " + where};
}

}  // namespace

HealthAnswer AskHealth(const config::ServerConfig& config) {
  const std::string path = UnixPathOf(config.host);
  const std::string host = path.empty() ? Reachable(config.host) : path;
  const std::string where = path.empty() ? host + ":" + std::to_string(config.port) : config.host;
  const auto ask = [&](auto&& client) {
    if (!path.empty()) {
      client.set_address_family(AF_UNIX);
      client.set_default_headers({{"Host", "localhost"}});
    }
    return Ask(client, where);
  };
  if (config.tls_cert_file.empty()) return ask(httplib::ClientImpl(host, config.port));
  httplib::SSLClient client(host, config.port);
  client.enable_server_certificate_verification(false);  // its name is the outside one, and we ask ourselves
  return ask(client);
}

}  // namespace puna::server
