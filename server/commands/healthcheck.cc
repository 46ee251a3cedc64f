#include "server/commands/healthcheck.h"

#include <httplib.h>

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
  const std::string host = Reachable(config.host);
  const std::string where = host + ":" + std::to_string(config.port);
  if (config.tls_cert_file.empty()) {
    httplib::Client client(host, config.port);
    return Ask(client, where);
  }
  httplib::SSLClient client(host, config.port);
  client.enable_server_certificate_verification(false);  // its name is the outside one, and we ask ourselves
  return Ask(client, where);
}

}  // namespace puna::server
