// puna healthcheck: asks a running server how it is, for Docker's HEALTHCHECK.
#pragma once

#include <string>

#include "config/server_config.h"

namespace puna::server {

struct HealthAnswer {
  bool healthy = false;
  std::string line;  // one line, for people
};

// GET /health where the same configuration makes a server listen; a server for all addresses is
// asked on loopback.
HealthAnswer AskHealth(const config::ServerConfig& config);

}  // namespace puna::server
