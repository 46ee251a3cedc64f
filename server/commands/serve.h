// puna serve: from a configuration to a server, until a signal ends it.
#pragma once

#include "config/config.h"

namespace puna::server {

// Returns the process's exit status: 0 after SIGTERM or SIGINT. Throws std::runtime_error when it
// cannot start.
int Serve(config::Config config);

}  // namespace puna::server
