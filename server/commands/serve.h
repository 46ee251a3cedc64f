// puna serve: from a configuration to a server, until a signal ends it.
#pragma once

#include <functional>

#include "config/config.h"

namespace puna::server {

// Reads the configuration again from where it came.
using ReadConfig = std::function<config::Config()>;

// Returns the process's exit status: 0 after SIGTERM or SIGINT. After SIGHUP keys, names, origins, the certificate and the level
// of the log are as `read_again` has them, and nothing in flight notices. Throws std::runtime_error when it
// cannot start.
int Serve(config::Config config, const ReadConfig& read_again);

}  // namespace puna::server
